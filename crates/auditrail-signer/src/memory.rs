//! The memory: the last checkpoint that was signed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use tlog::{Checkpoint, EMPTY_ROOT, Hash, SignedNote};

use crate::error::SignerError;
use crate::file::{beside, read, replace};
use crate::key_file::KeyFile;

/// The last checkpoint that was signed; that of the empty log if none was.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    path: PathBuf,
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl Memory {
    /// In which nothing was signed.
    pub(crate) fn empty(file: &KeyFile) -> Result<Self, SignerError> {
        Self::of(file, 0, EMPTY_ROOT)
    }

    /// A new checkpoint, signed by every key of the file. It is not on disk yet.
    pub(crate) fn of(file: &KeyFile, size: u64, root: Hash) -> Result<Self, SignerError> {
        let path = path_of(file);
        let wrong = || SignerError::Memory { path: path.clone(), problem: "cannot be made" };
        let origin = file.origin();
        let checkpoint = Checkpoint::new(origin.as_str(), size, root).map_err(|_| wrong())?;
        let mut note = checkpoint.to_note().map_err(|_| wrong())?;
        // Signatures of logs have no time.
        file.keys().iter().for_each(|key| note.sign(key, 0));
        Ok(Self { path, checkpoint, note })
    }

    /// Reads the memory of a key file.
    pub(crate) fn read(file: &KeyFile) -> Result<Self, SignerError> {
        let path = path_of(file);
        let wrong = |problem| SignerError::Memory { path: path.clone(), problem };
        let bytes = match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(wrong("is missing"));
            }
            bytes => bytes.map_err(SignerError::io("read", &path))?,
        };
        let note = SignedNote::parse(&bytes).map_err(|_| wrong("is not a checkpoint"))?;
        let checkpoint =
            Checkpoint::parse(note.text()).map_err(|_| wrong("is not a checkpoint"))?;
        let origin = file.origin();
        if checkpoint.origin() != origin.as_str() {
            return Err(wrong("is that of a log with another name"));
        }
        let verifiers = file.verifiers();
        match note.signed_by(verifiers.iter()) {
            Ok(Some(_)) => Ok(Self { path, checkpoint, note }),
            _ => Err(wrong("is not signed by the key")),
        }
    }

    pub(crate) fn write(&self) -> Result<(), SignerError> {
        replace(&self.path, self.to_string().as_bytes())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub(crate) const fn note(&self) -> &SignedNote {
        &self.note
    }
}

fn path_of(file: &KeyFile) -> PathBuf {
    beside(file.path(), ".signed")
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, f)
    }
}
