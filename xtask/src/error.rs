//! Why a chore failed, in words for the person at the terminal.

use std::io;
use std::process::ExitStatus;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// A variant says what to look at: the command, the file, or the sentence itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A command ran and failed. Its own words are above.
    #[error("`{line}` failed ({status})")]
    Failed { line: String, status: ExitStatus },
    /// A command is not installed or may not be run.
    #[error("cannot run `{line}`")]
    NotStarted { line: String, source: io::Error },
    /// A file or directory cannot be used.
    #[error("cannot {doing}")]
    Io { doing: String, source: io::Error },
    /// The workspace is not what `cargo` can describe. Usually a broken Cargo.toml.
    #[error("cannot read the workspace")]
    Metadata(#[source] cargo_metadata::Error),
    /// The PostgreSQL that was asked for, or just installed, cannot be used.
    #[error(transparent)]
    Postgres(#[from] local_postgres::Error),
    /// Something else; the sentence says what to do.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// For `map_err`: what we were doing when the file system refused.
    pub(crate) fn doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
