//! The destination of an export.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::Error;
use crate::output::file::temporary_beside;

/// Stdout, or a file that is created atomically.
///
/// The data goes to a temporary file in the same directory, readable only by its owner. It is renamed
/// when the export is complete, and removed if the export fails.
pub(super) enum Destination {
    Stdout(BufWriter<io::Stdout>),
    File { file: BufWriter<NamedTempFile>, path: PathBuf, force: bool },
}

impl Destination {
    /// Opens stdout for `None`. Fails early if the file exists, instead of after a long export.
    pub(super) fn open(path: Option<&Path>, force: bool) -> Result<Self, Error> {
        let Some(path) = path else {
            return Ok(Self::Stdout(BufWriter::new(io::stdout())));
        };
        if !force && fs::symlink_metadata(path).is_ok() {
            return Err(exists(path));
        }
        Ok(Self::File {
            file: BufWriter::new(temporary_beside(path)?),
            path: path.to_owned(),
            force,
        })
    }

    /// Whether the output goes to a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout(_) => io::stdout().is_terminal(),
            Self::File { .. } => false,
        }
    }

    /// For `map_err`: an error of writing to this destination.
    pub(super) fn error(&self) -> impl FnOnce(io::Error) -> Error {
        let path = match self {
            Self::Stdout(_) => Path::new("stdout"),
            Self::File { path, .. } => path,
        };
        Error::io("write to", path)
    }

    /// Flushes the data to disk and renames the file.
    pub(super) fn finish(self) -> Result<(), Error> {
        let (file, path, force) = match self {
            Self::Stdout(mut out) => return out.flush().map_err(Error::stdout),
            Self::File { file, path, force } => (file, path, force),
        };
        let file =
            file.into_inner().map_err(|error| Error::io("write to", &path)(error.into_error()))?;
        file.as_file().sync_all().map_err(Error::io("write to", &path))?;
        let renamed = if force { file.persist(&path) } else { file.persist_noclobber(&path) };
        match renamed {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(&path)),
            Err(error) => Err(Error::io("rename the temporary file to", &path)(error.error)),
        }
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::File { file, .. } => file.flush(),
        }
    }
}

fn exists(path: &Path) -> Error {
    Error::exists(path, "choose another file, or overwrite it with --force")
}
