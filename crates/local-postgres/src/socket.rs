//! The socket directory, which only the server's user can enter.
//!
//! The server trusts every local connection, so access control is by this directory alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use crate::client::{SOCKET_PREFIX, socket_file};
use crate::error::Error;
use crate::layout::{Layout, create_dir, open_dir, remove};

/// Port of the socket without a loopback listener. It cannot collide, because the directory is private.
pub(crate) const PORT: u16 = 5432;

/// Longest path of a socket, in bytes: `sun_path` has 108 on Linux with the closing NUL, 104 on
/// macOS and the BSDs.
const SOCKET_PATH_MAX_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The socket directory, created if it is missing and checked if it exists.
///
/// It is `<dir>/run`, unless clients cannot use that path; then a directory below
/// `XDG_RUNTIME_DIR`, or below the temporary directory.
pub(crate) fn directory(layout: &Layout, port: u16) -> Result<PathBuf, Error> {
    let inside = layout.run();
    if is_nameable(&inside, port) {
        private(layout, &inside)?;
        return Ok(inside);
    }
    let base = fallback_base(layout);
    let base = base.canonicalize().map_err(Error::io("open", &base))?;
    refuse_open_base(&base)?;
    let name = format!("local-postgres-{}-{:016x}", layout.account.uid, name_hash(&layout.dir));
    let dir = base.join(name);
    if !is_nameable(&dir, port) {
        let reason = "its path is too long for a socket, or contains a comma";
        return Err(invalid(&dir, reason.to_owned()));
    }
    layout.account.check_reach(&base)?;
    private(layout, &dir)?;
    Ok(dir)
}

/// Removes the files of a killed server from the socket directory. The caller ensures that no server uses it.
pub(crate) fn clear(dir: &Path) -> Result<(), Error> {
    let failed = Error::io("list", dir);
    for entry in dir.read_dir().map_err(&failed)? {
        let leftover = entry.map_err(&failed)?.path();
        // The port in the name may differ, and each socket has a lock file.
        let name = leftover.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(SOCKET_PREFIX.as_bytes()) {
            remove(&leftover).map_err(Error::io("remove", &leftover))?;
        }
    }
    Ok(())
}

/// Removes a socket directory outside the data directory after its server has exited.
pub(crate) fn remove_fallback_dir(layout: &Layout, dir: &Path) {
    if dir != layout.run() && dir.parent().is_some() {
        // It may be in use or removed already.
        drop(fs::remove_dir(dir));
    }
}

/// The value of `unix_socket_directories`, a list of one quoted element.
pub(crate) fn as_setting(dir: &Path) -> String {
    format!("\"{}\"", dir.display().to_string().replace('"', "\"\""))
}

/// Whether clients can connect to a socket in this directory: the system limits the length of its path, and
/// libpq separates hosts by commas.
fn is_nameable(dir: &Path, port: u16) -> bool {
    let file = socket_file(dir, port);
    let bytes = file.as_os_str().as_encoded_bytes();
    bytes.len() <= SOCKET_PATH_MAX_BYTES && !bytes.contains(&b',')
}

/// `XDG_RUNTIME_DIR` belongs to one user, so root cannot use it for a server of another user.
fn fallback_base(layout: &Layout) -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|dir| !layout.account.drops_root && dir.is_absolute() && dir.is_dir());
    runtime.unwrap_or_else(std::env::temp_dir)
}

/// In a directory that others can write to and that is not sticky, they could replace a private directory.
fn refuse_open_base(base: &Path) -> Result<(), Error> {
    let mode = fs::metadata(base).map_err(Error::io("open", base))?.mode();
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        return Err(invalid(
            base,
            format!("others can write to it and it is not sticky (mode {:o})", mode & 0o7777),
        ));
    }
    Ok(())
}

/// Creates a directory that only the server's user can enter, or checks an existing one.
fn private(layout: &Layout, dir: &Path) -> Result<(), Error> {
    let account = &layout.account;
    create_dir(dir, (account.uid, account.gid), 0o700).map_err(|error| {
        if fs::symlink_metadata(dir).is_ok_and(|meta| !meta.is_dir()) {
            invalid(dir, "it is not a directory".to_owned())
        } else {
            Error::io("create the socket directory", dir)(error)
        }
    })?;
    let failed = Error::io("open the socket directory", dir);
    let opened = open_dir(dir).map_err(&failed)?;
    let mut meta = opened.metadata().map_err(&failed)?;
    if account.drops_root && meta.uid() == 0 {
        // Root was killed between creating it and changing its owner.
        fchown(&opened, Some(account.uid), Some(account.gid)).map_err(&failed)?;
        meta = opened.metadata().map_err(&failed)?;
    }
    if meta.uid() != account.uid {
        return Err(invalid(
            dir,
            format!("it belongs to user id {}, not to {}", meta.uid(), account.name),
        ));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(invalid(dir, format!("others can enter it (mode {:o})", meta.mode() & 0o7777)));
    }
    Ok(())
}

fn invalid(dir: &Path, reason: String) -> Error {
    Error::SocketDirectory { dir: dir.to_owned(), reason }
}

/// FNV-1a of the path: stable across programs and compilers.
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
    fn directory_with_quotes_and_commas_is_one_element() {
        assert_eq!(as_setting(Path::new("/a, \"b\"/run")), r#""/a, ""b""/run""#);
    }

    #[test]
    fn name_hash_depends_on_every_byte() {
        assert_eq!(name_hash(Path::new("")), 0xcbf2_9ce4_8422_2325);
        assert_eq!(name_hash(Path::new("a")), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(name_hash(Path::new("/x/ab")), name_hash(Path::new("/x/ba")));
    }
}
