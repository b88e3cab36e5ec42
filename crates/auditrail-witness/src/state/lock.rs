//! The lock of a directory: one process uses it at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::FILE_MODE;

/// Owner only.
const DIRECTORY_MODE: u32 = 0o700;
/// The permissions of others to change the directory.
const OTHERS_WRITE: u32 = 0o022;
const NAME: &str = "lock";

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be created, opened or locked.
    #[error("cannot use the state directory {}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// Other users can change it.
    #[error(
        "other users can change the state directory {}; run `chmod go-w` on it", path.display()
    )]
    Writable {
        /// The directory.
        path: PathBuf,
    },
    /// Another process uses it.
    #[error(
        "another process uses the state directory {}; stop it, or give each witness a directory of its own",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
}

/// A locked directory. The operating system releases the lock when the process ends for whatever reason.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    directory: File,
    file: File,
}

impl Lock {
    pub(super) fn acquire(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        create(path).map_err(failed)?;
        let directory = File::open(path).map_err(failed)?;
        if directory.metadata().map_err(failed)?.mode() & OTHERS_WRITE != 0 {
            return Err(LockError::Writable { path: path.to_owned() });
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.mode(FILE_MODE).open(path.join(NAME)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::InUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let lock = Self { path: path.to_owned(), directory, file };
        lock.sync_directory().map_err(failed)?;
        Ok(lock)
    }

    /// Checks that the path still leads to the locked file. Otherwise the directory was moved, unmounted or emptied, and
    /// another process may have locked the one that took its place.
    pub(super) fn check(&self) -> io::Result<()> {
        let (held, found) = (self.file.metadata()?, fs::metadata(self.path.join(NAME))?);
        if (held.dev(), held.ino()) == (found.dev(), found.ino()) {
            return Ok(());
        }
        Err(io::Error::other("the state directory was replaced while the witness runs"))
    }

    /// Makes the entries of the directory durable.
    pub(super) fn sync_directory(&self) -> io::Result<()> {
        self.directory.sync_all()
    }
}

/// Creates a directory that is on the disk, also in its parents.
fn create(path: &Path) -> io::Result<()> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
    for parent in missing.iter().filter_map(|path| path.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}
