//! Where an export goes.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::Error;
use crate::output::file::temporary_beside;

/// Stdout, or a file that gets its name only when it is complete.
///
/// The file is made beside its later place, readable by its owner alone, and removed when the export
/// does not get to its end.
pub(super) enum Destination {
    Stdout(BufWriter<io::Stdout>),
    File { file: BufWriter<NamedTempFile>, path: PathBuf, force: bool },
}

impl Destination {
    /// Stdout for `None`. A file that is there is refused at once, not after an hour of exporting.
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

    /// Whether a person looks at what is written.
    pub(super) fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout(_) => io::stdout().is_terminal(),
            Self::File { .. } => false,
        }
    }

    /// An error of writing to it.
    pub(super) fn error(&self) -> impl FnOnce(io::Error) -> Error {
        let path = match self {
            Self::Stdout(_) => Path::new("stdout"),
            Self::File { path, .. } => path,
        };
        Error::io("write to", path)
    }

    /// Brings everything to disk and gives the file its name.
    pub(super) fn finish(self) -> Result<(), Error> {
        let (file, path, force) = match self {
            Self::Stdout(mut out) => return out.flush().map_err(Error::stdout),
            Self::File { file, path, force } => (file, path, force),
        };
        let file = file.into_inner().map_err(|error| error.into_error());
        let file = file.map_err(Error::io("write to", &path))?;
        file.as_file().sync_all().map_err(Error::io("write to", &path))?;
        let named = if force { file.persist(&path) } else { file.persist_noclobber(&path) };
        match named {
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
