//! Errors of xtask and of the benchmarks, for the person at the terminal.

use std::io;
use std::process::ExitStatus;

/// The result of a command.
pub type Result<T> = std::result::Result<T, Error>;

/// Each variant names what to look at: the command, the file, or the cause itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A command failed; its own output is above.
    #[error("`{line}` failed ({status})")]
    Failed {
        /// The command as a shell line.
        line: String,
        /// Its exit status.
        status: ExitStatus,
    },
    /// A command could not be started: it is not installed or not executable.
    #[error("cannot run `{line}`")]
    NotStarted {
        /// The command as a shell line.
        line: String,
        /// The reason given by the operating system.
        source: io::Error,
    },
    /// A file operation failed.
    #[error("cannot {doing}")]
    Io {
        /// The operation, as in "read README.md".
        doing: String,
        /// The reason given by the operating system.
        source: io::Error,
    },
    /// `cargo metadata` failed, usually because of an invalid Cargo.toml.
    #[error("cannot read the workspace")]
    Metadata(#[source] cargo_metadata::Error),
    /// No usable PostgreSQL, or one that cannot be started or stopped.
    #[error(transparent)]
    Postgres(#[from] local_postgres::Error),
    /// Any other failure, as a sentence that says what to do.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// For `map_err`: adds the operation that failed to an I/O error.
    pub fn doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
