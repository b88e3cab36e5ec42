//! The error of archives.

use std::io;
use std::path::{Path, PathBuf};

use auditrail_core::InvalidArchive;

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The file system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The operation, after "cannot".
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file does not have the form of an archive, or not the content that its manifest states.
    #[error("{} is not a valid archive: {detail}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A record is too large for an archive.
    #[error("the record {id} has a line of {bytes} bytes, at most {max} fit into an archive")]
    LineTooLong {
        /// The id of the record.
        id: String,
        /// Bytes of the line.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The thread that reads or writes the files panicked.
    #[error("the thread that reads or writes archives failed")]
    Thread,
}

impl ArchiveError {
    /// Stable machine-readable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Invalid { .. } => "invalid_archive",
            Self::LineTooLong { .. } => "line_too_long",
            Self::Thread => "thread",
        }
    }

    /// For `map_err`: an error of the file system.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    /// An archive whose content is not as stated.
    pub(super) fn invalid(path: &Path, detail: impl Into<String>) -> Self {
        Self::Invalid { path: path.to_owned(), detail: detail.into() }
    }

    /// For `map_err`: a file that does not have the form.
    pub(super) fn form(path: &Path) -> impl FnOnce(InvalidArchive) -> Self {
        move |error| Self::invalid(path, error.to_string())
    }
}
