//! Why a recorder cannot be opened.

use std::io;
use std::path::PathBuf;

use auditrail_core::ValueError;

/// Why a recorder cannot be opened.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A setting is out of range.
    #[error("{name} must be {range}")]
    Config {
        /// The setting.
        name: &'static str,
        /// The valid range.
        range: &'static str,
    },
    /// An action pattern is invalid.
    #[error("`{pattern}` is neither an action nor a prefix such as project.*")]
    Action {
        /// The invalid pattern.
        pattern: String,
        /// The reason.
        source: ValueError,
    },
    /// The policy `spool` is used without a spool directory.
    #[error("the policy `spool` needs a spool directory; set one or use another policy")]
    NoSpool,
    /// There is no tokio runtime to deliver the records in.
    #[error("a recorder must be opened within a tokio runtime")]
    NoRuntime,
    /// Another process, or another recorder of this process, has locked the spool.
    #[error("the spool {} is in use by another process; give each process its own", directory.display())]
    SpoolLocked {
        /// The spool directory.
        directory: PathBuf,
    },
    /// Another user owns the spool directory or can write to it, or has put a file or link there, so its records
    /// could be forged.
    #[error("the spool {} is not safe to use: {reason}", directory.display())]
    SpoolUnsafe {
        /// The spool directory.
        directory: PathBuf,
        /// What is wrong, and the next step.
        reason: String,
    },
    /// The spool cannot be created or read.
    #[error("cannot open the spool {}", directory.display())]
    Spool {
        /// The spool directory.
        directory: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
}

auditrail_core::debug_as_messages!(OpenError);
