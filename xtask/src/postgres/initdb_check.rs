//! Trying a PostgreSQL that was just unpacked: does it make a cluster here?

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use crate::error::{Error, Result};
use crate::sh::Sh;

/// The user with no rights, by the number that every Linux gives it.
const NOBODY: u32 = 65_534;

/// Runs `initdb` of `bin` in a directory that is removed again.
///
/// It refuses to run as root, so then it runs as nobody; that also shows whether the directory can
/// be reached by the user the server will run as.
pub(super) fn run(bin: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().map_err(Error::doing("make a directory"))?;
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
    let given = chown(scratch.path(), Some(NOBODY), Some(NOBODY));
    given.map_err(Error::doing("give a directory to nobody"))?;
    initdb.user(NOBODY).quietly().map_err(|error| {
        Error::Refused(format!(
            "{error}; PostgreSQL does not run as root, and the user nobody could not run it{}",
            hidden_by(bin).map_or(String::new(), |dir| format!(
                " because {dir} is closed to others; move the checkout out of it"
            ))
        ))
    })
}

/// The outermost directory on the way to `path` that others may not enter.
fn hidden_by(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut dirs: Vec<_> = path.ancestors().collect();
    dirs.reverse();
    let closed = |dir: &&&Path| {
        fs::metadata(dir).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0)
    };
    dirs.iter().find(closed).map(|dir| dir.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_closed_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("open");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(hidden_by(&inner), Some(dir.path().display().to_string()));
    }
}
