//! The client of a witness.

mod collect;
mod error;
mod response;
mod transport;

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tlog::witness::AddCheckpoint;
use tlog::{Algorithm, Checkpoint, Hash, NoteSignature, PROOF_MAX, SignedNote, VerifierKey};

pub use collect::{Outcome, collect};
pub use error::{InvalidWitness, WitnessError};
use response::Response;
use transport::Transport;

/// Most requests for a checkpoint: the first one without knowing the size, one with it, and another if another process
/// of the log was faster.
const REQUESTS_MAX: usize = 3;

/// Makes consistency proofs of a log.
pub trait ConsistencySource: Sync {
    /// Why there is no proof.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The proof that the tree of size `to` begins with the leaves of the one of size `from`: the hashes of
    /// [`tlog::consistency::spans`]. It is called with `0 < from < to`, where `from` may be any size that a witness
    /// claims.
    fn proof(
        &self,
        from: u64,
        to: u64,
    ) -> impl Future<Output = Result<Vec<Hash>, Self::Error>> + Send;
}

/// A cosignature that was verified under a key of its witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The signature, to be added to the checkpoint.
    pub signature: NoteSignature,
    /// When it was made, by the clock of the witness, in seconds since 1970.
    pub time: u64,
}

/// A client of a witness.
///
/// It follows no redirect and uses no proxy. Connections are kept for the next checkpoint.
#[derive(Debug)]
pub struct WitnessClient {
    keys: Vec<VerifierKey>,
    transport: Transport,
    /// Origin and size of the checkpoint that the witness has cosigned last, as this client has seen it.
    last: Mutex<Option<(String, u64)>>,
}

impl WitnessClient {
    /// A client of the witness at a URL, to which `/add-checkpoint` is appended, with the keys that it may sign with.
    /// A request takes at most `timeout`.
    ///
    /// For https it reads the system's root certificates.
    ///
    /// # Errors
    /// [`InvalidWitness`].
    pub fn new(
        url: &str,
        keys: Vec<VerifierKey>,
        timeout: Duration,
    ) -> Result<Self, InvalidWitness> {
        let log = keys.iter().find(|key| key.algorithm() != Algorithm::Cosignature);
        if let Some(key) = log {
            return Err(InvalidWitness::Key(Box::new(key.clone())));
        }
        if keys.is_empty() {
            return Err(InvalidWitness::NoKey);
        }
        Ok(Self { keys, transport: Transport::new(url, timeout)?, last: Mutex::default() })
    }

    /// The URL of the witness, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        self.transport.url()
    }

    /// The keys that the witness may sign with.
    #[must_use]
    pub fn keys(&self) -> &[VerifierKey] {
        &self.keys
    }

    /// Asks for cosignatures of a checkpoint, and verifies them. There is one for each key that has signed. If the
    /// witness has cosigned another size last, it is asked again with a proof from that size.
    ///
    /// # Errors
    /// [`WitnessError`].
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub async fn cosign(
        &self,
        note: &SignedNote,
        source: &impl ConsistencySource,
    ) -> Result<Vec<Cosigned>, WitnessError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let size = checkpoint.size();
        let mut old_size = self.last_size(checkpoint.origin());
        for _ in 0..REQUESTS_MAX {
            if old_size > size {
                return Err(WitnessError::Ahead { witness: old_size, size });
            }
            let body = request(note, old_size, size, source).await?;
            match self.transport.add_checkpoint(body).await? {
                Response::Cosigned(text) => {
                    let cosignatures = response::verified(note, &text, &self.keys)?;
                    self.remember(&checkpoint);
                    return Ok(cosignatures);
                }
                Response::OldSize(known) if known == old_size => {
                    return Err(WitnessError::unexpected(
                        "the size in a conflict is that of the request",
                    ));
                }
                Response::OldSize(known) => old_size = known,
            }
        }
        Err(WitnessError::unexpected("the size that the witness knows is another one each time"))
    }

    /// The size to begin with; 0 if this client has none, on which the witness answers with its own.
    fn last_size(&self, origin: &str) -> u64 {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(known, _)| known == origin).map_or(0, |(_, size)| *size)
    }

    fn remember(&self, checkpoint: &Checkpoint) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((checkpoint.origin().to_owned(), checkpoint.size()));
    }
}

/// The body of a request with the proof from `old_size`.
async fn request(
    note: &SignedNote,
    old_size: u64,
    size: u64,
    source: &impl ConsistencySource,
) -> Result<Bytes, WitnessError> {
    let proof = if old_size == 0 || old_size == size {
        Vec::new()
    } else {
        let proof = source.proof(old_size, size).await;
        proof.map_err(|error| WitnessError::Proof {
            from: old_size,
            to: size,
            source: error.into(),
        })?
    };
    if proof.len() > PROOF_MAX {
        let source = tlog::ProofFileError::TooManyHashes.into();
        return Err(WitnessError::Proof { from: old_size, to: size, source });
    }
    let request = AddCheckpoint { old_size, proof, checkpoint: note.clone() };
    Ok(request.to_string().into())
}
