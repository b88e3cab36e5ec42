//! Finding a PostgreSQL installation on this machine.

mod places;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::account::Account;
use crate::error::Error;
use crate::searched::SearchedDir;
use crate::version::Version;
use crate::wait;

/// `postgres --version` prints a line and ends; only a hanging network disk takes longer.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Where to search for PostgreSQL.
#[derive(Clone, Debug)]
pub struct Search {
    bin_dir: Option<PathBuf>,
    path: Option<OsString>,
    places: Vec<String>,
    major: Option<u16>,
}

impl Search {
    /// The `PATH` of this process, then the usual directories of packages.
    #[must_use]
    pub fn usual() -> Self {
        Self {
            bin_dir: None,
            path: std::env::var_os("PATH"),
            places: places::USUAL.iter().map(|&place| place.to_owned()).collect(),
            major: None,
        }
    }

    /// Searches only this directory. `None` has no effect.
    #[must_use]
    pub fn with_bin_dir(mut self, bin_dir: Option<PathBuf>) -> Self {
        self.bin_dir = bin_dir.or(self.bin_dir);
        self
    }

    /// Uses this instead of the `PATH` of the process; `None` skips it.
    #[must_use]
    pub fn with_path(mut self, path: Option<OsString>) -> Self {
        self.path = path;
        self
    }

    /// Uses these directories instead of the usual ones. A `*` matches part of one name; of
    /// several matches, the one with the highest number comes first.
    #[must_use]
    pub fn with_places(mut self, places: Vec<String>) -> Self {
        self.places = places;
        self
    }

    /// Accepts only this major version, that of an existing data directory.
    #[must_use]
    pub fn with_major(mut self, major: Option<u16>) -> Self {
        self.major = major;
        self
    }
}

/// A PostgreSQL on this machine, new enough to use.
#[derive(Clone, Debug)]
pub struct Installation {
    bin_dir: PathBuf,
    version: Version,
}

impl Installation {
    /// Finds a PostgreSQL 15 or newer.
    ///
    /// Runs `postgres --version`, as the user that a new server would run as: never as root.
    ///
    /// # Errors
    /// [`Error::BinDir`] if the explicit directory is unusable: it is never silently skipped.
    /// [`Error::NotFound`] when there is none; [`Error::OtherMajor`] with an empty directory when
    /// [`Search::with_major`] requires a version that is not installed; [`Error::NoAccount`] and
    /// [`Error::Unreachable`] for root.
    pub fn find(search: &Search) -> Result<Self, Error> {
        Self::find_for(search, &Account::without_directory()?)
    }

    /// As [`find`](Self::find), for a server that runs as `account`.
    pub(crate) fn find_for(search: &Search, account: &Account) -> Result<Self, Error> {
        if let Some(dir) = &search.bin_dir {
            account.check_reach(dir)?;
            let found = Self::at(dir, account)
                .map_err(|reason| Error::BinDir { dir: dir.clone(), reason })?;
            return match search.major {
                Some(major) if major != found.version.major => {
                    Err(other_major(major, vec![found.version]))
                }
                _ => Ok(found),
            };
        }
        let mut searched = Vec::new();
        let mut other_versions = Vec::new();
        for dir in places::candidates(search, &mut searched) {
            match Self::at(&dir, account) {
                Ok(installation)
                    if search.major.is_none_or(|major| major == installation.version.major) =>
                {
                    return Ok(installation);
                }
                Ok(installation) => other_versions.push(installation.version),
                Err(outcome) => {
                    searched.push(SearchedDir { place: dir.display().to_string(), outcome });
                }
            }
        }
        match search.major {
            Some(major) if !other_versions.is_empty() => Err(other_major(major, other_versions)),
            _ => Err(Error::NotFound { searched }),
        }
    }

    /// The directory with `postgres` and `initdb`, absolute, without symbolic links.
    #[must_use]
    pub fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Path of one of its programs, such as `pg_dump`, if it exists.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        Some(self.bin_dir.join(name)).filter(|path| path.is_file())
    }

    /// Path of `psql`: of this installation, or the first one on `PATH`.
    #[must_use]
    pub fn psql(&self) -> Option<PathBuf> {
        self.program("psql").or_else(|| on_path("psql"))
    }

    /// The installation in `dir`, or the reason why there is none, as the end of a sentence.
    fn at(dir: &Path, account: &Account) -> Result<Self, String> {
        let bin_dir = places::real_bin_dir(dir)?;
        let version = version_of(&bin_dir.join("postgres"), account)?;
        if version.major < Version::OLDEST_MAJOR {
            return Err(format!("it contains PostgreSQL {version}, which is too old"));
        }
        Ok(Self { bin_dir, version })
    }
}

/// The first file of this name on the `PATH` of this process. Relative entries are skipped: they would run programs of
/// the working directory.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// The caller fills in the data directory.
fn other_major(cluster: u16, found: Vec<Version>) -> Error {
    Error::OtherMajor { dir: PathBuf::new(), cluster, found }
}

fn version_of(postgres: &Path, account: &Account) -> Result<Version, String> {
    let failed = |what: String| format!("`{} --version` {what}", postgres.display());
    let mut child = account
        .command(postgres)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("failed to run: {error}")))?;
    let status = wait::until(VERSION_TIMEOUT, || child.try_wait())
        .map_err(|error| failed(format!("could not be waited for: {error}")))?;
    let Some(status) = status else {
        // A failure to kill or reap it does not matter: the timeout is returned.
        drop(child.kill().and_then(|()| child.wait()));
        return Err(failed("timed out".to_owned()));
    };
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout
            .read_to_string(&mut text)
            .map_err(|error| failed(format!("printed something unreadable: {error}")))?;
    }
    if !status.success() {
        return Err(failed(format!("exited with {status}")));
    }
    Version::parse(&text).ok_or_else(|| failed(format!("printed {:?}", text.trim())))
}
