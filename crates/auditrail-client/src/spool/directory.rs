//! The directory of a spool: its lock, its files and their permissions.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{SpoolOpenError, trust};

/// Owner only: records contain personal data.
const FILE_MODE: u32 = 0o600;
/// Owner only.
const DIRECTORY_MODE: u32 = 0o700;

const DATABASE: &str = "spool.redb";
const LOCK: &str = "lock";
const QUARANTINE: &str = "quarantine.ndjson";
const DEAD_LETTERS: &str = "refused.ndjson";
/// Maximum number of damaged files that are kept. Further ones replace the last.
const DAMAGED_MAX: u32 = 100;

/// A spool directory locked by this process.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// The lock, released when the file is closed. redb locks its own file, but not while that file
    /// is being replaced.
    _lock: File,
}

impl Directory {
    /// Creates the directory if it does not exist, checks that no other user can have written to it, and locks
    /// it. The operating system releases the lock when the process ends for whatever reason.
    pub(super) fn lock(path: &Path) -> Result<Self, SpoolOpenError> {
        let missing: Vec<&Path> = path.ancestors().take_while(|path| is_missing(path)).collect();
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
        // Syncs the parents too: a directory entry that is not durable loses everything below it.
        missing.iter().filter_map(|path| path.parent()).try_for_each(sync_entries)?;
        let directory = trust::open_directory(path)?;
        directory.set_permissions(Permissions::from_mode(DIRECTORY_MODE))?;
        [LOCK, DATABASE, QUARANTINE, DEAD_LETTERS]
            .into_iter()
            .try_for_each(|name| trust::check_file(path, name))?;
        let lock = trust::open_file(options().truncate(false), &path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(SpoolOpenError::Locked),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Opens the database file, creating it if necessary; its directory entry is durable.
    pub(super) fn database(&self) -> io::Result<File> {
        let path = self.path.join(DATABASE);
        let file = trust::open_file(options().truncate(false), &path)?;
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        self.sync()?;
        Ok(file)
    }

    /// Moves a damaged database file aside and returns its new path.
    pub(super) fn move_aside(&self) -> io::Result<PathBuf> {
        let name = |number| self.path.join(format!("{DATABASE}.damaged-{number}"));
        let free = (1..DAMAGED_MAX).map(name).find(|path| !is_taken(path));
        let new_path = free.unwrap_or_else(|| name(DAMAGED_MAX));
        fs::rename(self.path.join(DATABASE), &new_path)?;
        self.sync()?;
        Ok(new_path)
    }

    /// Deletes the database file.
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(self.path.join(DATABASE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync(),
        }
    }

    /// The path of the file of dead letters.
    pub(super) fn dead_letters(&self) -> PathBuf {
        self.path.join(DEAD_LETTERS)
    }

    /// Appends a damaged record to the quarantine file, durably: a line of JSON with its bytes in
    /// base64.
    pub(super) fn quarantine(&self, key: u64, value: &[u8]) -> io::Result<()> {
        let mut file = trust::open_file(options().append(true), &self.path.join(QUARANTINE))?;
        let line = serde_json::json!({ "key": key, "value": STANDARD.encode(value) });
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    }

    /// Makes the directory's entries durable.
    fn sync(&self) -> io::Result<()> {
        sync_entries(&self.path)
    }
}

/// Whether there is a file, or a link, with this name.
fn is_taken(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn is_missing(path: &Path) -> bool {
    !path.as_os_str().is_empty() && !path.exists()
}

pub(super) fn sync_entries(directory: &Path) -> io::Result<()> {
    // The parent of a relative path with one component is empty.
    let is_current = directory.as_os_str().is_empty();
    File::open(if is_current { Path::new(".") } else { directory })?.sync_all()
}

/// Options that create a file for its owner only.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(FILE_MODE);
    options
}
