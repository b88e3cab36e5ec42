//! Where the socket goes: a directory that only the server's user can enter.
//!
//! The server trusts whoever can connect, so this directory is the whole of its access control.

use std::fs;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use crate::client::socket_file;
use crate::error::Error;
use crate::layout::{Layout, make_dir, open_dir};

/// Port of a socket without TCP. The directory is private, so there is nothing to collide with.
pub(crate) const PORT: u16 = 5432;

/// Longest path of a socket, in bytes: `sun_path` has 108 on Linux with the closing NUL, 104 on
/// macOS and the BSDs.
const LONGEST_SOCKET: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The directory for the socket, made if it is missing and checked if it is not.
///
/// It is `<dir>/run` unless clients could not name that; then a directory below
/// `XDG_RUNTIME_DIR`, or below the directory for temporary files.
pub(crate) fn directory(layout: &Layout) -> Result<PathBuf, Error> {
    let inside = layout.run();
    if is_nameable(&inside) {
        private(layout, &inside)?;
        return Ok(inside);
    }
    let base = fallback_base(layout);
    let base = base.canonicalize().map_err(Error::io("open", &base))?;
    refuse_open_base(&base)?;
    let name = format!("local-postgres-{}-{:016x}", layout.account.uid, name_hash(&layout.dir));
    let dir = base.join(name);
    if !is_nameable(&dir) {
        let reason = "its path is too long for a socket, or has a comma in it";
        return Err(refused(&dir, reason.to_owned()));
    }
    layout.account.check_reach(&base)?;
    private(layout, &dir)?;
    Ok(dir)
}

/// Removes what a server that was killed left in the socket directory. Only to be called while
/// it is certain that no server uses it.
pub(crate) fn clear(dir: &Path, port: u16) -> Result<(), Error> {
    let file = socket_file(dir, port);
    let lock = file.with_added_extension("lock");
    for leftover in [file, lock] {
        match fs::remove_file(&leftover) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &leftover)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes a socket directory outside the data directory once its server has ended.
pub(crate) fn forget(layout: &Layout, dir: &Path) {
    if dir != layout.run() && dir.parent().is_some() {
        // Not empty, or gone: both fine.
        drop(fs::remove_dir(dir));
    }
}

/// As the value of `unix_socket_directories`, which is a list: one quoted element.
pub(crate) fn as_setting(dir: &Path) -> String {
    format!("\"{}\"", dir.display().to_string().replace('"', "\"\""))
}

/// Whether clients can name a socket in this directory: the system limits the length of its
/// path, and libpq takes a comma for the end of one host in a list.
fn is_nameable(dir: &Path) -> bool {
    let file = socket_file(dir, PORT);
    let bytes = file.as_os_str().as_encoded_bytes();
    bytes.len() <= LONGEST_SOCKET && !bytes.contains(&b',')
}

/// `XDG_RUNTIME_DIR` belongs to one user, so it is of no use to root that runs a server as
/// another one.
fn fallback_base(layout: &Layout) -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|dir| !layout.account.dropping && dir.is_absolute() && dir.is_dir());
    runtime.unwrap_or_else(std::env::temp_dir)
}

/// Where others may rename what is not theirs, a private directory can be swapped for another.
fn refuse_open_base(base: &Path) -> Result<(), Error> {
    let mode = fs::metadata(base).map_err(Error::io("open", base))?.mode();
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        return Err(refused(
            base,
            format!("others can write to it and it is not sticky (mode {:o})", mode & 0o7777),
        ));
    }
    Ok(())
}

/// Makes a directory that only the server's user can enter, or checks that it is one.
fn private(layout: &Layout, dir: &Path) -> Result<(), Error> {
    let account = &layout.account;
    make_dir(dir, (account.uid, account.gid), 0o700).map_err(|error| {
        if fs::symlink_metadata(dir).is_ok_and(|meta| !meta.is_dir()) {
            refused(dir, "something else with that name is in the way".to_owned())
        } else {
            Error::io("make the socket directory", dir)(error)
        }
    })?;
    let failed = Error::io("open the socket directory", dir);
    let opened = open_dir(dir).map_err(&failed)?;
    let mut meta = opened.metadata().map_err(&failed)?;
    if account.dropping && meta.uid() == 0 {
        // Root was killed between making it and giving it away.
        fchown(&opened, Some(account.uid), Some(account.gid)).map_err(&failed)?;
        meta = opened.metadata().map_err(&failed)?;
    }
    if meta.uid() != account.uid {
        return Err(refused(
            dir,
            format!("it belongs to user id {}, not to {}", meta.uid(), account.name),
        ));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(refused(dir, format!("others can enter it (mode {:o})", meta.mode() & 0o7777)));
    }
    Ok(())
}

fn refused(dir: &Path, reason: String) -> Error {
    Error::SocketDirectory { dir: dir.to_owned(), reason }
}

/// FNV-1a over the path: every program has to come to the same name, whatever built it.
fn name_hash(dir: &Path) -> u64 {
    let bytes = dir.as_os_str().as_encoded_bytes();
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_quotes_and_commas_is_one_element_of_the_list() {
        assert_eq!(as_setting(Path::new("/a, \"b\"/run")), r#""/a, ""b""/run""#);
    }

    #[test]
    fn the_name_depends_on_every_byte_of_the_path() {
        assert_eq!(name_hash(Path::new("")), 0xcbf2_9ce4_8422_2325);
        assert_eq!(name_hash(Path::new("a")), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(name_hash(Path::new("/x/ab")), name_hash(Path::new("/x/ba")));
    }
}
