//! What a log asks of a witness, and how a witness decides.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::consistency::{self, ConsistencyError};
use crate::hash::Hash;
use crate::key::VerifierKey;
use crate::note::{NOTE_MAX, NoteError, SignatureError, SignedNote};
use crate::number::decimal;
use crate::proof_file::{ProofFileError, read_lines};
use crate::{EMPTY_ROOT, PROOF_MAX};

/// The longest body of a request, in bytes.
pub const REQUEST_MAX: usize = NOTE_MAX + (PROOF_MAX + 1) * 45;

/// The body of `POST add-checkpoint`: a checkpoint, with a proof that it begins with the one that the witness has
/// cosigned last. Its `Display` is the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the checkpoint that the witness has cosigned last, or 0.
    pub old_size: u64,
    /// The consistency proof from there.
    pub proof: Vec<Hash>,
    /// The checkpoint, signed by the log.
    pub checkpoint: SignedNote,
}

/// A body that is not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// It is too long.
    #[error("the body is longer than {REQUEST_MAX} bytes")]
    TooLong,
    /// The first line is missing or another one.
    #[error("the body begins with the line `old` and a decimal number")]
    OldSize,
    /// The proof is not one.
    #[error(transparent)]
    Proof(#[from] ProofFileError),
    /// The checkpoint is not a note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The note is not a checkpoint (400).
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The witness does not know the log (404).
    #[error("this witness has no key for the origin {origin}")]
    UnknownOrigin {
        /// The origin of the checkpoint.
        origin: String,
    },
    /// No known key has signed the checkpoint, or one has not signed this one (403).
    #[error(transparent)]
    Signature(SignatureError),
    /// The old size is larger than that of the checkpoint (400).
    #[error("the old size {old_size} is larger than the size {size} of the checkpoint")]
    OldSize {
        /// The old size.
        old_size: u64,
        /// The size of the checkpoint.
        size: u64,
    },
    /// The witness has cosigned another size last (409, with that size).
    #[error("the last cosigned checkpoint is of size {size}, not {old_size}")]
    Stale {
        /// The old size of the request.
        old_size: u64,
        /// The size that was cosigned last.
        size: u64,
    },
    /// The log has signed two trees that contradict each other (409 for one size, else 422).
    #[error(transparent)]
    Inconsistent(ConsistencyError),
}

impl Refusal {
    /// The status of the response.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Checkpoint(_) | Self::OldSize { .. } => 400,
            Self::UnknownOrigin { .. } => 404,
            Self::Signature(_) => 403,
            Self::Stale { .. } => 409,
            Self::Inconsistent(ConsistencyError::Fork { from, to }) if *from == *to => 409,
            Self::Inconsistent(_) => 422,
        }
    }

    /// Whether the log has signed the checkpoint and it contradicts the last one: evidence against the log, unless the
    /// proof was damaged on its way.
    #[must_use]
    pub const fn is_fork(&self) -> bool {
        matches!(self, Self::Inconsistent(ConsistencyError::Fork { .. }))
    }
}

impl AddCheckpoint {
    /// Reads the body of a request. Nothing in it is verified.
    ///
    /// # Errors
    /// [`InvalidRequest`].
    pub fn parse(body: &[u8]) -> Result<Self, InvalidRequest> {
        if body.len() > REQUEST_MAX {
            return Err(InvalidRequest::TooLong);
        }
        let text = core::str::from_utf8(body).map_err(|_| NoteError::NotText)?;
        let line = text.strip_prefix("old ").and_then(|rest| rest.split_once('\n'));
        let (old_size, rest) = line.ok_or(InvalidRequest::OldSize)?;
        let old_size = decimal(old_size).ok_or(InvalidRequest::OldSize)?;
        let (proof, rest) = read_lines(rest)?;
        Ok(Self { old_size, proof, checkpoint: SignedNote::parse(rest.as_bytes())? })
    }

    /// Decides for a witness that trusts these keys, of any origin, and has cosigned `last` for the origin of the
    /// request. Who cosigns stores the checkpoint first, and nothing may change `last` between the two.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn decide(
        &self,
        keys: &[VerifierKey],
        last: Option<(u64, Hash)>,
    ) -> Result<Checkpoint, Refusal> {
        let checkpoint = Checkpoint::parse(self.checkpoint.text())?;
        let origin = checkpoint.origin();
        let keys = keys.iter().filter(|key| key.name().as_str() == origin);
        if self.checkpoint.signed_by(keys).map_err(Refusal::Signature)?.is_none() {
            return Err(Refusal::UnknownOrigin { origin: origin.to_owned() });
        }
        let (old_size, size) = (self.old_size, checkpoint.size());
        if old_size > size {
            return Err(Refusal::OldSize { old_size, size });
        }
        let (last_size, last_root) = last.unwrap_or((0, EMPTY_ROOT));
        if old_size != last_size {
            return Err(Refusal::Stale { old_size, size: last_size });
        }
        consistency::verify(&self.proof, last_size, &last_root, size, checkpoint.root())
            .map_err(Refusal::Inconsistent)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
