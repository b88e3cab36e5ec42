//! Signs checkpoints, one process at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tlog::{Checkpoint, Hash, KeyName, SignedNote, VerifierKey};

use crate::error::SignerError;
use crate::file::beside;
use crate::key_file::KeyFile;
use crate::memory::Memory;
use crate::start::start_again;

/// Signs with the keys of a file. The file is read each time, so that a key that was replaced needs no restart.
#[derive(Clone, Debug)]
pub struct Signer {
    path: PathBuf,
}

/// The right to sign: no other process has it until this is dropped.
#[derive(Debug)]
pub struct Signing {
    file: KeyFile,
    memory: Memory,
    /// Unlocked when it is dropped.
    _lock: File,
}

/// The result of a call of [`Signing::sign`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// The log has not grown since the last checkpoint.
    Unchanged,
    /// There is a new checkpoint, and the memory has it.
    New,
}

/// A start under another name.
#[derive(Debug)]
pub struct Recovered {
    /// Where the old key is.
    pub kept: PathBuf,
    /// What verifies the new key.
    pub verifier: VerifierKey,
    /// The last checkpoint under the old name; none if the memory was lost.
    pub last: Option<SignedNote>,
}

impl Signer {
    /// With the keys of this file, which is read later.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Waits until no other process signs, and reads keys and memory. Blocks for as long as another process signs, which is
    /// usually some milliseconds.
    ///
    /// # Errors
    /// [`SignerError`] if the key or its memory are missing or not valid.
    pub fn lock(&self) -> Result<Signing, SignerError> {
        let lock = self.lock_file()?;
        let file = KeyFile::open(&self.path)?;
        let memory = Memory::read(&file)?;
        Ok(Signing { file, memory, _lock: lock })
    }

    /// Keeps the keys and their memory under other names beside the file, and starts with a new key under another name of
    /// the log, under which nothing was signed. Also if the memory is lost.
    ///
    /// # Errors
    /// [`SignerError::SameOrigin`] and errors of files.
    pub fn recover(&self, origin: &KeyName) -> Result<Recovered, SignerError> {
        let _lock = self.lock_file()?;
        let file = KeyFile::open(&self.path)?;
        let memory = match Memory::read(&file) {
            Ok(memory) => Some(memory),
            Err(SignerError::Memory { .. }) => None,
            Err(error) => return Err(error),
        };
        let kept = start_again(&file, memory.as_ref(), origin)?;
        let verifier = KeyFile::open(&self.path)?.verifiers().remove(0);
        Ok(Recovered { kept, verifier, last: memory.map(|memory| memory.note().clone()) })
    }

    fn lock_file(&self) -> Result<File, SignerError> {
        // Without a key no lock is left behind.
        fs::metadata(&self.path).map_err(SignerError::io("read the signing key", &self.path))?;
        let path = beside(&self.path, ".lock");
        let open = File::options().write(true).create(true).truncate(false).open(&path);
        let lock = open.and_then(|file| file.lock().map(|()| file));
        lock.map_err(SignerError::io("lock", &path))
    }
}

impl Signing {
    /// The last checkpoint that was signed; that of the empty log if none was.
    #[must_use]
    pub const fn last(&self) -> &Checkpoint {
        self.memory.checkpoint()
    }

    /// That checkpoint with its signatures.
    #[must_use]
    pub const fn note(&self) -> &SignedNote {
        self.memory.note()
    }

    /// The keys that verify the signatures, newest first.
    #[must_use]
    pub fn verifiers(&self) -> Vec<VerifierKey> {
        self.file.verifiers()
    }

    /// Signs the log, which has this size and root now, and had the root `earlier` at the size of [`Signing::last`]: none if
    /// it is smaller. When this returns, the memory has the checkpoint and is on disk.
    ///
    /// # Errors
    /// [`SignerError::RolledBack`] and [`SignerError::Contradicts`] if the log is not a continuation of the last checkpoint;
    /// errors of files. Then nothing was signed.
    pub fn sign(
        &mut self,
        earlier: Option<Hash>,
        size: u64,
        root: Hash,
    ) -> Result<Signed, SignerError> {
        let last = self.last();
        let signed = last.size();
        let Some(earlier) = earlier.filter(|_| size >= signed) else {
            return Err(SignerError::RolledBack { signed, found: size });
        };
        if earlier != *last.root() || (size == signed && root != earlier) {
            return Err(SignerError::Contradicts { size: signed });
        }
        if size == signed {
            return Ok(Signed::Unchanged);
        }
        let memory = Memory::of(&self.file, size, root)?;
        memory.write()?;
        self.memory = memory;
        Ok(Signed::New)
    }

    /// Adds a new key of the same name: from now on checkpoints have a signature more. Returns it.
    ///
    /// # Errors
    /// Errors of files.
    pub fn rotate(&mut self) -> Result<VerifierKey, SignerError> {
        self.file.add()?;
        self.sign_again()?;
        Ok(self.file.verifiers().remove(0))
    }

    /// Removes all keys but the newest, and returns what they were verified by.
    ///
    /// # Errors
    /// Errors of files.
    pub fn retire(&mut self) -> Result<Vec<VerifierKey>, SignerError> {
        let retired = self.file.verifiers().split_off(1);
        // The memory first: the newest key has to have signed it.
        self.sign_again()?;
        self.file.retire()?;
        self.sign_again()?;
        Ok(retired)
    }

    /// Signs the last checkpoint by the keys that there are now.
    fn sign_again(&mut self) -> Result<(), SignerError> {
        let (size, root) = (self.last().size(), *self.last().root());
        let memory = Memory::of(&self.file, size, root)?;
        memory.write()?;
        self.memory = memory;
        Ok(())
    }
}
