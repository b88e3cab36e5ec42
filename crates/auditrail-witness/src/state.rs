//! The state of a witness: a directory with the last cosigned checkpoint of each log.
//!
//! The name of a file is the SHA-256 of the origin in hexadecimal, its content the checkpoint as a signed note, with
//! the signature of the log and the cosignature. A file is replaced as a whole: a crash leaves the old one or the new
//! one.

mod lock;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tlog::witness::REQUEST_MAX;
use tlog::{Checkpoint, CheckpointError, NoteError, SignedNote};

use lock::Lock;
pub use lock::LockError;

/// Owner only.
const FILE_MODE: u32 = 0o600;
/// More than any note that this crate writes: such a note is part of a request, with one signature more.
const FILE_MAX: usize = REQUEST_MAX;

/// The directory of this process.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    lock: Lock,
}

/// A checkpoint that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedCheckpoint {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// As it was saved: with the signatures of the log and of the witness, which reading does not verify.
    pub note: SignedNote,
}

/// A file of a directory.
#[derive(Debug)]
pub struct StateFile {
    /// Its path.
    pub path: PathBuf,
    /// Its content.
    pub content: Result<SavedCheckpoint, InvalidState>,
}

/// Why a file has no state that a witness may continue from.
#[derive(Debug, thiserror::Error)]
pub enum InvalidState {
    /// It cannot be read.
    #[error("the state file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is longer than any note.
    #[error("the state file is longer than {FILE_MAX} bytes")]
    TooLong,
    /// It is not a note.
    #[error("the state file is damaged: {0}")]
    Note(#[from] NoteError),
    /// The note is not a checkpoint.
    #[error("the state file is damaged: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// It is the file of another log.
    #[error("the state file has the checkpoint of another log, {found}")]
    Origin {
        /// The origin in the file.
        found: String,
    },
    /// It was changed, or its keys are unknown.
    #[error(
        "the state file is damaged, or signed by other keys than those of this witness and of the log: {0}"
    )]
    Signature(tlog::SignatureError),
}

/// A checkpoint was not saved.
#[derive(Debug)]
pub(crate) enum SaveError {
    /// The old file is in place.
    Unchanged(io::Error),
    /// The old file or the new one is on the disk.
    Unknown(io::Error),
}

impl Directory {
    /// Creates the directory if it does not exist, and locks it for this process.
    pub(crate) fn open(path: &Path) -> Result<Self, LockError> {
        Ok(Self { path: path.to_owned(), lock: Lock::acquire(path)? })
    }

    /// The saved checkpoint of a log; `None` if there is no file.
    pub(crate) fn load(&self, origin: &str) -> Result<Option<SavedCheckpoint>, InvalidState> {
        match read(&self.path.join(file_name(origin))) {
            Ok(saved) if saved.checkpoint.origin() == origin => Ok(Some(saved)),
            Ok(saved) => Err(InvalidState::Origin { found: saved.checkpoint.origin().to_owned() }),
            Err(InvalidState::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Replaces the checkpoint of a log. It is on the disk when this returns. One call at a time for each origin.
    pub(crate) fn save(&self, origin: &str, note: &SignedNote) -> Result<(), SaveError> {
        self.lock.check().map_err(SaveError::Unchanged)?;
        let path = self.path.join(file_name(origin));
        let temporary = path.with_extension("new");
        let written = write_durably(&temporary, note.to_string().as_bytes());
        written.and_then(|()| fs::rename(&temporary, &path)).map_err(|error| {
            // A part of a file takes up space until the next one replaces it.
            drop(fs::remove_file(&temporary));
            SaveError::Unchanged(error)
        })?;
        self.lock.sync_directory().map_err(SaveError::Unknown)
    }
}

/// The files of a directory that a witness uses or used, by name. It needs no lock, since files are replaced as a
/// whole, and verifies no signatures.
///
/// # Errors
/// When the directory cannot be read.
pub fn read_directory(path: &Path) -> io::Result<Vec<StateFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let is_hash = |name: &str| {
            name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let name = entry.file_name();
        if let Some(name) = name.to_str().filter(|name| is_hash(name)) {
            let content = read(&entry.path()).and_then(|saved| {
                let origin = saved.checkpoint.origin();
                if file_name(origin) == name {
                    return Ok(saved);
                }
                Err(InvalidState::Origin { found: origin.to_owned() })
            });
            files.push(StateFile { path: entry.path(), content });
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The name of the file of a log.
#[must_use]
pub fn file_name(origin: &str) -> String {
    Sha256::digest(origin.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(path: &Path) -> Result<SavedCheckpoint, InvalidState> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_MAX {
        return Err(InvalidState::TooLong);
    }
    let note = SignedNote::parse(&bytes)?;
    Ok(SavedCheckpoint { checkpoint: Checkpoint::parse(note.text())?, note })
}

/// Creates a file, in place of one that an earlier process left.
fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
