//! Files that are replaced as a whole, and are on disk before the call returns.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::SignerError;

/// Most bytes of a file that are read.
const BYTES_MAX: u64 = 64 * 1024;

/// `FILE` with an ending after its own.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Reads a file; what is beyond any valid length is cut off, so that it is not valid.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a new file that only its owner can read.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), SignerError> {
    let exists = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
    let persisted = temporary(path, bytes).and_then(|file| Ok(file.persist_noclobber(path)?));
    match persisted {
        Err(error) if exists(&error) => Err(SignerError::Exists { path: path.to_owned() }),
        persisted => persisted.and_then(|_| sync_directory(path)).map_err(write_error(path)),
    }
}

/// Replaces a file, or writes a new one, that only its owner can read.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), SignerError> {
    let replaced = temporary(path, bytes).and_then(|file| Ok(file.persist(path)?));
    replaced.and_then(|_| sync_directory(path)).map_err(write_error(path))
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> SignerError {
    SignerError::io("write", path)
}

/// A file with this content in the directory of another, on disk. It has the mode 600.
fn temporary(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(directory(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
