//! The error of the crate.

use std::io;
use std::path::PathBuf;

use tlog::InvalidKey;

/// Why nothing is signed, or a key is not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// A file cannot be read or written.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The operation.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// There is a file already, and a key is never overwritten.
    #[error("{} is already there; a signing key is never overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Other users can read the key file.
    #[error(
        "other users can read the signing key {} (mode {mode:03o}); run `chmod 600` on it, and replace the key with \
         `auditrail log-key rotate` if it may have been read", path.display()
    )]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A line of the key file is not a key.
    #[error("line {line} of the key file {} is not a signing key: {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: InvalidKey,
    },
    /// The key file as a whole is not one.
    #[error("the key file {} {problem}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, as the end of a sentence.
        problem: &'static str,
    },
    /// The memory is missing or not valid: what was signed before is not known.
    #[error(
        "the memory of the signing key, {}, {problem}: what was signed before is not known, so nothing is signed. Restore \
         the file, or start under a new name with `auditrail log-key recover`", path.display()
    )]
    Memory {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, as the end of a clause.
        problem: &'static str,
    },
    /// The log has fewer entries than a checkpoint that was signed.
    #[error(
        "the log has {found} entries, but a checkpoint of {signed} was signed: the database was restored to an earlier \
         state. Nothing is signed. Restore the newer state, or start under a new name with `auditrail log-key recover`"
    )]
    RolledBack {
        /// The size of the checkpoint.
        signed: u64,
        /// The number of entries.
        found: u64,
    },
    /// The log has other entries than when a checkpoint was signed.
    #[error(
        "the log contradicts the checkpoint of {size} entries that was signed: the database was restored to an earlier \
         state and went on from there, or its entries were changed. Nothing is signed. Restore the database, or start \
         under a new name with `auditrail log-key recover`"
    )]
    Contradicts {
        /// The size of the checkpoint.
        size: u64,
    },
    /// The new name is the one that the key has.
    #[error(
        "the log needs another name than {origin}: checkpoints under the old one contradict it"
    )]
    SameOrigin {
        /// The name.
        origin: String,
    },
    /// No random bytes for a key.
    #[error("could not obtain random bytes from the operating system")]
    NoRandomness {
        /// The error of the operating system.
        source: getrandom::Error,
    },
}

impl SignerError {
    /// Whether the log contradicts what was signed: an alarm, not a fault of the configuration.
    #[must_use]
    pub const fn is_contradiction(&self) -> bool {
        matches!(self, Self::RolledBack { .. } | Self::Contradicts { .. })
    }

    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
