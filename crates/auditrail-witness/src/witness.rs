//! A witness: its key, its logs, and what it has cosigned.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use tlog::witness::{AddCheckpoint, Refusal};
use tlog::{Algorithm, Checkpoint, NoteError, NoteSignature, SignedNote, SigningKey, VerifierKey};
use tokio::sync::Semaphore;

use crate::clock;
use crate::counters::Counters;
use crate::origin::{Origin, OriginState};
use crate::refused::Refused;
use crate::state::{Directory, InvalidState, LockError, SaveError};

/// What an operator does about a state file that cannot be used.
const REPAIR: &str = "restore the newest copy of the file and restart the witness; a witness that starts from an \
                      older one can cosign a fork";

/// A witness of some logs. One for each directory.
#[derive(Debug)]
pub struct Witness {
    key: SigningKey,
    origins: BTreeMap<String, Arc<Origin>>,
    directory: Directory,
    /// Bounds how many signatures are verified at once.
    verifying: Arc<Semaphore>,
    pub(crate) counters: Counters,
}

/// Why a witness cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The key is one of a log.
    #[error(
        "{0} is the key of a log, not of a witness: create one with `auditrail witness create-key`"
    )]
    NotAWitness(tlog::KeyName),
    /// A key of a log is one of a witness.
    #[error("{0} is the key of a witness, not of a log: its type is 0x04, that of a log is 0x01")]
    NotALog(Box<VerifierKey>),
    /// There is no log.
    #[error("there is no log to cosign for: name at least one verifier key of a log")]
    NoLogs,
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] LockError),
}

impl Witness {
    /// Opens a witness of the logs with these keys. Several keys of one name are keys of one log, of which any may
    /// sign. The directory is created if it does not exist, and locked for this process.
    ///
    /// A log whose state cannot be used is logged as an error, and nothing is cosigned for it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        key: SigningKey,
        logs: Vec<VerifierKey>,
        directory: &Path,
    ) -> Result<Self, OpenError> {
        let own = key.verifier();
        if own.algorithm() != Algorithm::Cosignature {
            return Err(OpenError::NotAWitness(own.name().clone()));
        }
        let mut keys: BTreeMap<String, Vec<VerifierKey>> = BTreeMap::new();
        for log in logs {
            if log.algorithm() != Algorithm::Ed25519 {
                return Err(OpenError::NotALog(Box::new(log)));
            }
            let known = keys.entry(log.name().as_str().to_owned()).or_default();
            if !known.contains(&log) {
                known.push(log);
            }
        }
        if keys.is_empty() {
            return Err(OpenError::NoLogs);
        }
        let directory = Directory::open(directory)?;
        let origin = |(name, keys): (String, Vec<VerifierKey>)| {
            let state = initial_state(&directory, &name, &keys, &own);
            let origin = Arc::new(Origin::new(&name, keys, state));
            (name, origin)
        };
        let origins = keys.into_iter().map(origin).collect();
        let processors = available_parallelism().map_or(1, Into::into);
        let verifying = Arc::new(Semaphore::new(processors));
        Ok(Self { key, origins, directory, verifying, counters: Counters::default() })
    }

    /// The key that verifies the cosignatures.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.key.verifier()
    }

    /// The logs by origin, with what was cosigned last.
    pub fn origins(&self) -> impl Iterator<Item = (&str, OriginState)> {
        self.origins.values().map(|origin| (origin.name.as_str(), origin.state()))
    }

    /// Cosigns a checkpoint if it continues the one that was cosigned last: the body of a request to
    /// `add-checkpoint`. The checkpoint is on the disk when this returns.
    ///
    /// If the future is dropped the checkpoint may have been saved.
    ///
    /// # Errors
    /// [`Refused`].
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub async fn add_checkpoint(self: &Arc<Self>, body: &[u8]) -> Result<NoteSignature, Refused> {
        let outcome = self.outcome(body).await;
        self.counters.count(&outcome);
        outcome
    }

    async fn outcome(self: &Arc<Self>, body: &[u8]) -> Result<NoteSignature, Refused> {
        let request = AddCheckpoint::parse(body)?;
        let origin = self.origin_of(&request)?;
        // Decided without the lock first, so that only requests of the log itself wait for each other.
        let permit = Arc::clone(&self.verifying).acquire_owned().await;
        let permit = permit.map_err(|_| Refused::Stopping)?;
        let log = Arc::clone(&origin);
        let request = blocking(move || {
            let _permit = permit;
            log.decide(&request).map(|_| request)
        })
        .await?;
        let saving = Arc::clone(&origin.saving).lock_owned().await;
        let witness = Arc::clone(self);
        blocking(move || {
            let _saving = saving;
            witness.cosign(&origin, &request)
        })
        .await
    }

    fn origin_of(&self, request: &AddCheckpoint) -> Result<Arc<Origin>, Refusal> {
        let checkpoint = Checkpoint::parse(request.checkpoint.text())?;
        let unknown = || Refusal::UnknownOrigin { origin: checkpoint.origin().to_owned() };
        self.origins.get(checkpoint.origin()).cloned().ok_or_else(unknown)
    }

    /// Decides, saves and signs. One call at a time for each log.
    fn cosign(&self, origin: &Origin, request: &AddCheckpoint) -> Result<NoteSignature, Refused> {
        let checkpoint = origin.decide(request)?;
        let time = clock::unix_seconds().ok_or(Refused::Clock)?;
        let cosignature = NoteSignature::new(&self.key, request.checkpoint.text(), time);
        let new = OriginState::Cosigned { size: checkpoint.size(), root: *checkpoint.root() };
        if origin.state() != new {
            self.save(origin, &request.checkpoint, &cosignature)?;
            origin.set_state(new);
            let (origin, size) = (origin.name.as_str(), checkpoint.size());
            tracing::info!(origin, size, root = %checkpoint.root(), "cosigned");
        }
        Ok(cosignature)
    }

    fn save(
        &self,
        origin: &Origin,
        checkpoint: &SignedNote,
        cosignature: &NoteSignature,
    ) -> Result<(), Refused> {
        let failed = |source: std::io::Error| {
            let origin = origin.name.as_str();
            tracing::error!(origin, error = %source, "cannot save a checkpoint; it is not cosigned");
            Refused::NotSaved(source)
        };
        let note = saved_note(origin, checkpoint, cosignature);
        let note = note.map_err(std::io::Error::other).map_err(failed)?;
        match self.directory.save(&origin.name, &note) {
            Ok(()) => Ok(()),
            Err(SaveError::Unchanged(source)) => Err(failed(source)),
            Err(SaveError::Unknown(source)) => {
                let reason = format!(
                    "the disk has not confirmed its state ({source}); check the disk, and restart the witness"
                );
                origin.set_state(OriginState::Unusable { reason });
                Err(failed(source))
            }
        }
    }
}

/// What was saved for a log, and signed by this witness or by the log.
fn initial_state(
    directory: &Directory,
    origin: &str,
    keys: &[VerifierKey],
    own: &VerifierKey,
) -> OriginState {
    let saved = directory.load(origin).and_then(|saved| {
        if let Some(saved) = &saved {
            let keys = keys.iter().chain([own]);
            saved.note.signed_by(keys).map_err(InvalidState::Signature)?;
        }
        Ok(saved)
    });
    match saved {
        Ok(None) => {
            tracing::info!(
                origin,
                "nothing is saved for this log: its first checkpoint is trusted"
            );
            OriginState::New
        }
        Ok(Some(saved)) => {
            let (size, root) = (saved.checkpoint.size(), *saved.checkpoint.root());
            OriginState::Cosigned { size, root }
        }
        Err(error) => {
            let reason = format!("{error}; {REPAIR}");
            tracing::error!(origin, reason, "nothing is cosigned for this log");
            OriginState::Unusable { reason }
        }
    }
}

/// The checkpoint with the signatures of the log and of the witness.
fn saved_note(
    origin: &Origin,
    checkpoint: &SignedNote,
    cosignature: &NoteSignature,
) -> Result<SignedNote, NoteError> {
    let mut note = origin.signed_by_log(checkpoint)?;
    note.push(cosignature.clone());
    // With the cosignature it can be longer than any note, and could not be read again.
    SignedNote::parse(note.to_string().as_bytes())
}

/// Runs work that computes or waits for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    // It ends without a result only when the runtime shuts down: the work does not panic.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Refused::Stopping))
}
