//! Why a recorder cannot be opened.

use std::io;
use std::path::PathBuf;

use auditrail_core::ValueError;

/// Why a recorder cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Mend the configuration.
    #[error("{name} must be {range}")]
    Config {
        /// The setting.
        name: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// Mend the pattern.
    #[error("`{pattern}` is no action and no prefix such as project.*")]
    Action {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        source: ValueError,
    },
    /// Name a directory for the spool, or use another policy.
    #[error("the policy `spool` needs a directory for the spool")]
    NoSpool,
    /// Open it inside a tokio runtime, which is to deliver what it takes on.
    #[error("a recorder needs a tokio runtime to deliver what it takes on")]
    NoRuntime,
    /// Give each process a spool of its own, or end the other one.
    #[error("another process uses the spool {}; give each its own", directory.display())]
    SpoolLocked {
        /// The directory.
        directory: PathBuf,
    },
    /// See to the disk, or to who may write to the directory.
    #[error("cannot open the spool {}", directory.display())]
    Spool {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
