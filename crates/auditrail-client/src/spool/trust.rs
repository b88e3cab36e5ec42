//! Whether the directory of a spool and its files belong to this process alone.
//!
//! Records of the spool are delivered with the API key of this process. A user who can write to the directory can
//! forge them, and links in it could redirect writes to other files. The rules are those of the crate's documentation.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::SpoolOpenError;

/// The bits with which group and others can write.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// The permission bits of a mode.
const PERMISSIONS: u32 = 0o7777;

/// Opens the directory, and refuses it if another user owns it or can write to it.
pub(super) fn open_directory(path: &Path) -> Result<File, SpoolOpenError> {
    let me = user();
    let link = fs::symlink_metadata(path)?;
    if link.is_symlink() && !is_of(&link, me) {
        return refuse(format!(
            "it is a symbolic link of user {}; use the directory itself",
            link.uid()
        ));
    }
    let flags = OFlags::DIRECTORY | OFlags::NONBLOCK;
    let directory = OpenOptions::new().read(true).custom_flags(bits(flags)).open(path)?;
    let meta = directory.metadata()?;
    if meta.uid() != me {
        return refuse(format!(
            "it belongs to user {}, but this process runs as user {me}; give the process a directory of its own",
            meta.uid()
        ));
    }
    if meta.mode() & WRITABLE_BY_OTHERS != 0 {
        return refuse(format!(
            "group or others can write to it (mode {:04o}); remove what others put there, then run `chmod 700` on it",
            meta.mode() & PERMISSIONS
        ));
    }
    Ok(directory)
}

/// Refuses a file of the directory, if it exists, that another user could have put there.
pub(super) fn check_file(directory: &Path, name: &str) -> Result<(), SpoolOpenError> {
    let meta = match fs::symlink_metadata(directory.join(name)) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    match fault(&meta) {
        None => Ok(()),
        Some(fault) => refuse(format!("{name} in it {fault}; look at it, then remove it")),
    }
}

/// Opens a file of the spool. Links are not followed, and pipes do not block.
///
/// # Errors
/// Also if the file is not a regular one of this user alone.
pub(super) fn open_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = options.custom_flags(bits(flags)).open(path)?;
    match fault(&file.metadata()?) {
        None => Ok(file),
        Some(fault) => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("the file {fault}")))
        }
    }
}

/// What is wrong with a file, as the end of a sentence about it.
fn fault(meta: &Metadata) -> Option<String> {
    let mode = meta.mode() & PERMISSIONS;
    if !meta.is_file() {
        Some("is not a regular file".to_owned())
    } else if meta.uid() != user() {
        Some(format!("belongs to user {}", meta.uid()))
    } else if mode & WRITABLE_BY_OTHERS != 0 {
        Some(format!("can be written by group or others (mode {mode:04o})"))
    } else if meta.nlink() > 1 {
        Some(format!("has {} names (hard links)", meta.nlink()))
    } else {
        None
    }
}

fn is_of(meta: &Metadata, user: u32) -> bool {
    meta.uid() == user || meta.uid() == 0
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn bits(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

fn refuse<T>(reason: String) -> Result<T, SpoolOpenError> {
    Err(SpoolOpenError::Unsafe { reason })
}
