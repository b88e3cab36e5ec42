//! Files that are read because they lie in the working directory, and not because the user named them.
//!
//! A user who can write such a file chooses the database of the command. So it must belong to this user or to root, and
//! no other user may be able to write or replace it. `docs/operations.md` describes the rules.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::ConfigError;
use super::users::is_private_group;

/// Maximum size of a configuration file or secret.
pub(super) const FILE_MAX_BYTES: u64 = 1024 * 1024;
/// The permission bits of a mode.
const PERMISSIONS: u32 = 0o7777;
const STICKY: u32 = 0o1000;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
/// The extended attribute of an access control list. With one, the group bits are the mask of all its entries.
const ACL: &str = "system.posix_acl_access";

/// Reads a file of the working directory; `None` if it does not exist.
///
/// Opens nothing that could block, and reads at most [`FILE_MAX_BYTES`].
///
/// # Errors
/// [`ConfigError::Untrusted`] if another user could have written the file; [`ConfigError::Unreadable`].
pub(super) fn read(path: &Path, name: &'static str) -> Result<Option<String>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { name, path: path.to_owned(), source };
    let untrusted = |reason| ConfigError::Untrusted { path: absolute(path), reason };
    let link = match fs::symlink_metadata(path) {
        Ok(link) => link,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut directories = vec![directory_of(path)];
    if link.is_symlink() {
        if !is_trusted_owner(&link) {
            return Err(untrusted(format!("it is a symbolic link of user {}", link.uid())));
        }
        match path.canonicalize() {
            Ok(target) => directories.push(directory_of(&target)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        }
    }
    let file = open_without_waiting(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if meta.is_dir() {
        // A virtual environment of Python is often called `.env`.
        return Ok(None);
    }
    if let Some(fault) = fault_of_file(&meta, path) {
        return Err(untrusted(fault));
    }
    for directory in directories {
        let meta = fs::metadata(&directory).map_err(unreadable)?;
        if let Some(fault) = fault_of_directory(&meta, &directory) {
            return Err(untrusted(format!("its directory {} {fault}", directory.display())));
        }
    }
    read_bounded(file).map(Some).map_err(unreadable)
}

/// Reads a file that a file of the working directory names: a regular one, so that nothing waits for a pipe.
pub(super) fn read_regular(path: &Path) -> io::Result<String> {
    let file = open_without_waiting(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    read_bounded(file)
}

/// Reads at most [`FILE_MAX_BYTES`] of text.
///
/// # Errors
/// If there is more, or it is not UTF-8.
pub(super) fn read_bounded(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(FILE_MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_MAX_BYTES {
        let what = format!("it has more than {FILE_MAX_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(text)
}

fn open_without_waiting(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

fn fault_of_file(meta: &Metadata, path: &Path) -> Option<String> {
    if !meta.is_file() {
        return Some("it is not a regular file".to_owned());
    }
    if !is_trusted_owner(meta) {
        return Some(format!("it belongs to user {}, not to {}", meta.uid(), trusted_owners()));
    }
    writers(meta, path).map(|writers| format!("{writers} can write to it ({})", mode(meta)))
}

fn fault_of_directory(meta: &Metadata, path: &Path) -> Option<String> {
    if !is_trusted_owner(meta) {
        return Some(format!("belongs to user {}, not to {}", meta.uid(), trusted_owners()));
    }
    // In a sticky directory only the owner of a file can remove or replace it.
    let writers = writers(meta, path).filter(|_| meta.mode() & STICKY == 0)?;
    Some(format!("can be written by {writers} ({})", mode(meta)))
}

/// The users besides the owner who can write, if there are any.
fn writers(meta: &Metadata, path: &Path) -> Option<&'static str> {
    let has_acl = || {
        let mut none: [u8; 0] = [];
        rustix::fs::getxattr(path, ACL, &mut none).is_ok_and(|bytes| bytes > 0)
    };
    if meta.mode() & OTHERS_WRITE != 0 {
        Some("others")
    } else if meta.mode() & GROUP_WRITES != 0 && (has_acl() || !is_private_group(meta.gid())) {
        Some("its group")
    } else {
        None
    }
}

fn is_trusted_owner(meta: &Metadata) -> bool {
    meta.uid() == 0 || meta.uid() == rustix::process::geteuid().as_raw()
}

fn trusted_owners() -> String {
    match rustix::process::geteuid().as_raw() {
        0 => "root".to_owned(),
        user => format!("this user ({user}) or root"),
    }
}

fn mode(meta: &Metadata) -> String {
    format!("mode {:04o}", meta.mode() & PERMISSIONS)
}

fn directory_of(path: &Path) -> PathBuf {
    absolute(path).parent().unwrap_or(Path::new("/")).to_owned()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
