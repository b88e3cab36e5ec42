//! A log that a witness cosigns for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tlog::witness::{AddCheckpoint, Refusal};
use tlog::{Checkpoint, Hash, NoteError, NoteSignature, SignedNote, VerifierKey};

use crate::refused::Refused;

/// How many refused checkpoints of a log are remembered, so that repetitions are not logged: a stranger can send a
/// checkpoint of a log again, with a proof that is not one.
const REPORTED_MAX: usize = 32;

/// Most bytes of a checkpoint in a log line. It has some hundred, unless it has extension lines.
const EVIDENCE_MAX: usize = 4 * 1024;

/// What a witness knows of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginState {
    /// Nothing was cosigned yet.
    New,
    /// The checkpoint that was cosigned last.
    Cosigned {
        /// Its size.
        size: u64,
        /// Its root.
        root: Hash,
    },
    /// The saved checkpoint cannot be used. Nothing is cosigned until an operator has repaired it and has restarted
    /// the witness.
    Unusable {
        /// Why.
        reason: String,
    },
}

/// A log, by its origin.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) name: String,
    pub(crate) keys: Vec<VerifierKey>,
    /// Held from the decision to the end of its saving, so that none is based on an older checkpoint.
    pub(crate) saving: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<OriginState>,
    reported: Mutex<VecDeque<(u64, Hash)>>,
}

impl Origin {
    pub(crate) fn new(name: &str, keys: Vec<VerifierKey>, state: OriginState) -> Self {
        Self {
            name: name.to_owned(),
            keys,
            saving: Arc::default(),
            state: Mutex::new(state),
            reported: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> OriginState {
        lock(&self.state).clone()
    }

    pub(crate) fn set_state(&self, state: OriginState) {
        *lock(&self.state) = state;
    }

    /// Decides about a request by the checkpoint that was cosigned last.
    pub(crate) fn decide(&self, request: &AddCheckpoint) -> Result<Checkpoint, Refused> {
        let state = self.state();
        let last = match &state {
            OriginState::New | OriginState::Unusable { .. } => None,
            OriginState::Cosigned { size, root } => Some((*size, *root)),
        };
        let decision = request.decide(&self.keys, last);
        if let OriginState::Unusable { reason } = state {
            return Err(self.unusable(reason, decision, request));
        }
        decision.map_err(|refusal| {
            if refusal.is_fork() {
                self.report_fork(&refusal, last, request);
            }
            refusal.into()
        })
    }

    /// A request that is not signed by the log is refused as usual, and not logged.
    fn unusable(
        &self,
        reason: String,
        decision: Result<Checkpoint, Refusal>,
        request: &AddCheckpoint,
    ) -> Refused {
        match decision {
            Err(
                refusal @ (Refusal::Checkpoint(_)
                | Refusal::UnknownOrigin { .. }
                | Refusal::Signature(_)
                | Refusal::OldSize { .. }),
            ) => refusal.into(),
            _ => {
                if self.is_first(request).is_some() {
                    let origin = self.name.as_str();
                    tracing::error!(origin, reason, "nothing is cosigned for this log");
                }
                Refused::Unusable { origin: self.name.clone(), reason }
            }
        }
    }

    /// Logs a checkpoint that contradicts the last one, unless it was logged before.
    fn report_fork(&self, refusal: &Refusal, last: Option<(u64, Hash)>, request: &AddCheckpoint) {
        let (Some((cosigned_size, cosigned_root)), Some(checkpoint)) =
            (last, self.is_first(request))
        else {
            return;
        };
        let (origin, size, root) = (self.name.as_str(), checkpoint.size(), checkpoint.root());
        let is_proven = size == cosigned_size;
        tracing::error!(
            origin, cosigned_size, %cosigned_root, size, %root, is_proven,
            checkpoint = self.evidence(request), reason = %refusal,
            "fork: the log has signed a checkpoint that contradicts the cosigned one, or the proof is wrong"
        );
    }

    /// The checkpoint as the log has signed it: with the one in the state file, the evidence of a fork. Without text if
    /// it is too long for a log line.
    fn evidence(&self, request: &AddCheckpoint) -> String {
        let note = self.signed_by_log(&request.checkpoint).map(|note| note.to_string());
        note.ok().filter(|note| note.len() <= EVIDENCE_MAX).unwrap_or_default()
    }

    /// A note with the signatures of the log alone. Others were not verified.
    pub(crate) fn signed_by_log(&self, checkpoint: &SignedNote) -> Result<SignedNote, NoteError> {
        let mut note = SignedNote::new(checkpoint.text().to_owned())?;
        let is_by_log =
            |signature: &&NoteSignature| self.keys.iter().any(|key| signature.is_by(key));
        // A log may sign repeatedly, but needs to only once.
        let signatures = checkpoint.signatures().iter().filter(is_by_log).take(self.keys.len());
        signatures.cloned().for_each(|signature| note.push(signature));
        Ok(note)
    }

    /// The checkpoint of a refused request, if it was not refused shortly before.
    fn is_first(&self, request: &AddCheckpoint) -> Option<Checkpoint> {
        let checkpoint = Checkpoint::parse(request.checkpoint.text()).ok()?;
        let key = (checkpoint.size(), *checkpoint.root());
        let mut reported = lock(&self.reported);
        if reported.contains(&key) {
            return None;
        }
        reported.truncate(REPORTED_MAX - 1);
        reported.push_front(key);
        Some(checkpoint)
    }
}

/// A poisoned lock is fine: no code panics while it holds one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
