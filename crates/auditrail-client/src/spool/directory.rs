//! The directory of a spool: its files, their rights, and who holds it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Readable by the owner alone: records say who did what.
const FILE_MODE: u32 = 0o600;
/// The same for the directory.
const DIRECTORY_MODE: u32 = 0o700;

const DATABASE: &str = "spool.redb";
const LOCK: &str = "lock";
const QUARANTINE: &str = "quarantine.ndjson";
/// How many damaged files are kept side by side. Beyond, the disk is worth more than they are.
const DAMAGED_MAX: u32 = 100;

/// A spool directory that this process holds.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Held while it is open: redb locks its own file, but not while it is being replaced.
    _lock: File,
}

/// Why a directory could not be taken.
#[derive(Debug)]
pub(super) enum TakeError {
    /// Another process, or another recorder of this one, has it.
    Locked,
    /// It could not be made or locked.
    Io(io::Error),
}

impl From<io::Error> for TakeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Directory {
    /// Makes the directory where it is missing, and takes it. The system gives it back when the process ends,
    /// however it ends.
    pub(super) fn take(path: &Path) -> Result<Self, TakeError> {
        let missing: Vec<&Path> = path.ancestors().take_while(|path| is_missing(path)).collect();
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
        // Its own name has to last as well, or what is synced into it is gone with it.
        missing.iter().filter_map(|path| path.parent()).try_for_each(sync_names)?;
        fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE))?;
        let lock = options().truncate(false).open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(TakeError::Locked),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// The file of the database, made where it is missing, with a name that lasts.
    pub(super) fn database(&self) -> io::Result<File> {
        let path = self.path.join(DATABASE);
        let file = options().truncate(false).open(&path)?;
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        self.sync()?;
        Ok(file)
    }

    /// Puts the database aside because it is damaged, and says where it is.
    pub(super) fn put_aside(&self) -> io::Result<PathBuf> {
        let name = |number| self.path.join(format!("{DATABASE}.damaged-{number}"));
        let free = (1..DAMAGED_MAX).map(name).find(|path| !path.exists());
        let aside = free.unwrap_or_else(|| name(DAMAGED_MAX));
        fs::rename(self.path.join(DATABASE), &aside)?;
        self.sync()?;
        Ok(aside)
    }

    /// Removes the database, of which nothing is needed any more.
    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(self.path.join(DATABASE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync(),
        }
    }

    /// Puts a damaged record aside, durably: a line of JSON with its bytes in base64.
    pub(super) fn quarantine(&self, key: u64, value: &[u8]) -> io::Result<()> {
        let mut file = options().append(true).open(self.path.join(QUARANTINE))?;
        let line = serde_json::json!({ "key": key, "value": STANDARD.encode(value) });
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    }

    /// Makes the names in the directory durable.
    fn sync(&self) -> io::Result<()> {
        sync_names(&self.path)
    }
}

fn is_missing(path: &Path) -> bool {
    !path.as_os_str().is_empty() && !path.exists()
}

fn sync_names(directory: &Path) -> io::Result<()> {
    let here = directory.as_os_str().is_empty();
    File::open(if here { Path::new(".") } else { directory })?.sync_all()
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(FILE_MODE);
    options
}
