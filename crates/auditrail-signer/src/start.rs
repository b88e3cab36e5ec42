//! The first key of a log, and the first one under another name.

use std::fs;
use std::path::{Path, PathBuf};

use tlog::{KeyName, VerifierKey};

use crate::error::SignerError;
use crate::file::{beside, replace, write_new};
use crate::key_file::KeyFile;
use crate::memory::Memory;

/// Creates a key file with a new key of this name, and its memory, in which nothing was signed.
///
/// # Errors
/// [`SignerError::Exists`], [`SignerError::Io`].
pub fn create(path: &Path, origin: &KeyName) -> Result<VerifierKey, SignerError> {
    if path.exists() {
        return Err(SignerError::Exists { path: path.to_owned() });
    }
    let file = KeyFile::new(path, origin)?;
    let memory = Memory::empty(&file)?;
    // The memory first: without a key it is worth nothing, and a key without memory is not used.
    write_new(memory.path(), memory.to_string().as_bytes())?;
    if let Err(error) = write_new(path, file.text().as_bytes()) {
        // That the memory of no key stays behind has no consequence but an error when this is repeated.
        drop(fs::remove_file(memory.path()));
        return Err(error);
    }
    Ok(file.verifiers().remove(0))
}

/// Keeps the file and its memory under other names, and creates new ones with another name of the log.
pub(crate) fn start_again(
    file: &KeyFile,
    memory: Option<&Memory>,
    origin: &KeyName,
) -> Result<PathBuf, SignerError> {
    if *origin == file.origin() {
        return Err(SignerError::SameOrigin { origin: origin.to_string() });
    }
    let kept = (1..).map(|number| beside(file.path(), &format!(".old-{number}")));
    // A start that was interrupted may have left one of the two files.
    let is_free = |path: &PathBuf| !path.exists() && !beside(path, ".signed").exists();
    let kept = kept.take(10_000).find(is_free).unwrap_or_default();
    if let Some(memory) = memory {
        write_new(&beside(&kept, ".signed"), memory.to_string().as_bytes())?;
    }
    write_new(&kept, file.text().as_bytes())?;
    let new = KeyFile::new(file.path(), origin)?;
    // The key first: with the memory of another name it signs nothing.
    replace(new.path(), new.text().as_bytes())?;
    let empty = Memory::empty(&new)?;
    replace(empty.path(), empty.to_string().as_bytes())?;
    Ok(kept)
}
