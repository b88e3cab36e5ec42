//! Errors of the client.

use std::io;
use std::time::Duration;

use tlog::{CheckpointError, NoteError, SignatureError, VerifierKey};

/// Why there is no client for a witness.
#[derive(Debug, thiserror::Error)]
pub enum InvalidWitness {
    /// The URL is invalid.
    #[error("the URL {url} of the witness {reason}")]
    Url {
        /// The URL.
        url: String,
        /// Why it is invalid.
        reason: &'static str,
    },
    /// There is no key.
    #[error("the witness has no key, so its cosignatures cannot be verified")]
    NoKey,
    /// A key is one of a log.
    #[error(
        "{0} is the key of a log, not of a witness: its type is 0x01, that of a witness is 0x04"
    )]
    Key(Box<VerifierKey>),
    /// The system's root certificates, which https needs, cannot be read.
    #[error("cannot read the system's root certificates, which https needs")]
    RootCertificates(#[source] io::Error),
}

/// Why a witness has not cosigned a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The note is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The witness has cosigned a larger tree: the checkpoint is not the newest one, or the log was restored from an
    /// older copy.
    #[error("the witness has cosigned a tree of size {witness} already, larger than {size}")]
    Ahead {
        /// The size that the witness has cosigned.
        witness: u64,
        /// The size of the checkpoint.
        size: u64,
    },
    /// There is no consistency proof.
    #[error("there is no consistency proof from size {from} to size {to}")]
    Proof {
        /// The size that the witness knows.
        from: u64,
        /// The size of the checkpoint.
        to: u64,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The witness has refused the checkpoint. With status 409 or 422 it knows a tree that contradicts the checkpoint.
    #[error("the witness has refused the checkpoint with status {status}: {detail}")]
    Refused {
        /// The status of the response.
        status: u16,
        /// The begin of its body, without control characters.
        detail: String,
    },
    /// The connection failed. The witness may have saved the checkpoint.
    #[error("cannot reach the witness at {url}")]
    Unreachable {
        /// The URL.
        url: String,
        /// The network error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There was no response in time. The witness may have saved the checkpoint.
    #[error("the witness did not respond within {} ms", after.as_millis())]
    Timeout {
        /// The timeout.
        after: Duration,
    },
    /// The response is not one of a witness.
    #[error("unexpected response of the witness: {detail}")]
    Unexpected {
        /// What is unexpected.
        detail: String,
    },
    /// The response has a line that is not a signature.
    #[error("unexpected response of the witness")]
    Lines(#[source] NoteError),
    /// A key of the witness has not signed this checkpoint.
    #[error("the response is not a cosignature of this checkpoint")]
    Signature(#[source] SignatureError),
    /// The cosignature states no time.
    #[error("the cosignature states the time 0")]
    NoTime,
}

impl WitnessError {
    pub(super) fn unexpected(detail: impl Into<String>) -> Self {
        Self::Unexpected { detail: detail.into() }
    }
}
