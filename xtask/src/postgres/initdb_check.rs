//! Whether an unpacked PostgreSQL can create a cluster on this machine.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use crate::error::{Error, Result};
use crate::sh::Sh;

/// The user id of `nobody` on Linux.
const NOBODY: u32 = 65_534;

/// Runs `initdb` of `bin` in a temporary directory.
///
/// As root it runs as `nobody`, which also shows whether other users can reach the directory.
pub(super) fn run(bin: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().map_err(Error::doing("create a directory"))?;
    let data = scratch.path().join("data");
    let initdb = Sh::new(bin.join("initdb"))
        .arg("--pgdata")
        .arg(&data)
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"])
        .arg("--no-sync")
        .dir(scratch.path());
    if !rustix::process::geteuid().is_root() {
        return initdb.quietly();
    }
    chown(scratch.path(), Some(NOBODY), Some(NOBODY))
        .map_err(Error::doing("change the owner of a directory"))?;
    initdb.user(NOBODY).quietly().map_err(|error| {
        Error::Refused(format!(
            "{error}; PostgreSQL does not run as root, and the user `nobody` cannot run it{}",
            inaccessible_parent(bin).map_or(String::new(), |dir| format!(
                " because {dir} is not accessible to others; move the checkout out of it"
            ))
        ))
    })
}

/// The outermost parent of `path` without execute permission for others.
fn inaccessible_parent(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut dirs: Vec<_> = path.ancestors().collect();
    dirs.reverse();
    let is_closed = |dir: &&&Path| {
        fs::metadata(dir).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0)
    };
    dirs.iter().find(is_closed).map(|dir| dir.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn outermost_inaccessible_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("open");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(inaccessible_parent(&inner), Some(dir.path().display().to_string()));
    }
}
