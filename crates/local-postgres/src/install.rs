//! Finding a PostgreSQL on this machine.

mod places;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::error::Error;
use crate::wait;

/// What a person has to do when there is none. Part of [`Error::NotFound`].
pub(crate) const HOW_TO_INSTALL: &str = "Debian and Ubuntu `apt-get install postgresql`, \
    Fedora and RHEL `dnf install postgresql-server`, Alpine `apk add postgresql`, \
    macOS `brew install postgresql`";

/// `postgres --version` prints a line and ends; only a hung network disk takes longer.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Version of a PostgreSQL, such as 15.18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The part that decides whether data files can be read: 15 in 15.18.
    pub major: u16,
    /// The bug-fix release: 18 in 15.18; 0 for a development version.
    pub minor: u16,
}

impl Version {
    /// The oldest major version that is accepted.
    pub const OLDEST_MAJOR: u16 = 15;

    /// Reads `postgres (PostgreSQL) 15.18 (Debian …)`, or a bare `18beta1`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.split("(PostgreSQL)").last()?.trim_start();
        let (major, rest) = leading_number(text)?;
        let minor = rest
            .strip_prefix('.')
            .and_then(leading_number)
            .map_or(0, |(minor, _)| minor);
        Some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A directory that was looked at, and what was found there.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The directory, or a description of several.
    pub place: String,
    /// Why it was not taken, as the end of a sentence.
    pub outcome: String,
}

impl Looked {
    pub(crate) fn list(looked: &[Self]) -> String {
        let lines: Vec<String> = looked
            .iter()
            .map(|one| format!("  {}: {}", one.place, one.outcome))
            .collect();
        lines.join("\n")
    }
}

/// Where to look for PostgreSQL.
#[derive(Clone, Debug)]
pub struct Search {
    bin_dir: Option<PathBuf>,
    path: Option<OsString>,
    places: Vec<String>,
    major: Option<u16>,
}

impl Search {
    /// The `PATH` of this process, then the places where packages put PostgreSQL.
    #[must_use]
    pub fn usual() -> Self {
        Self {
            bin_dir: None,
            path: std::env::var_os("PATH"),
            places: places::USUAL
                .iter()
                .map(|&place| place.to_owned())
                .collect(),
            major: None,
        }
    }

    /// Looks in this directory and nowhere else. `None` changes nothing.
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

    /// Uses these directories instead of the usual ones. A `*` stands for part of one name; of
    /// several matches the one with the highest number comes first.
    #[must_use]
    pub fn with_places(mut self, places: Vec<String>) -> Self {
        self.places = places;
        self
    }

    /// Takes only this major version: the one that made an existing data directory.
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
    /// # Errors
    /// [`Error::BinDir`] when the explicit directory is unusable: it is never silently skipped.
    /// [`Error::NotFound`] when there is none; [`Error::OtherMajor`] with an empty directory when
    /// [`Search::with_major`] asks for a version that is not among those found.
    pub fn find(search: &Search) -> Result<Self, Error> {
        if let Some(dir) = &search.bin_dir {
            let found = Self::at(dir).map_err(|reason| Error::BinDir {
                dir: dir.clone(),
                reason,
            })?;
            return match search.major {
                Some(major) if major != found.version.major => {
                    Err(other_major(major, vec![found.version]))
                }
                _ => Ok(found),
            };
        }
        let mut looked = Vec::new();
        let mut found = Vec::new();
        for dir in places::candidates(search, &mut looked) {
            match Self::at(&dir) {
                Ok(one) if search.major.is_none_or(|major| major == one.version.major) => {
                    return Ok(one);
                }
                Ok(one) => found.push(one.version),
                Err(outcome) => {
                    looked.push(Looked {
                        place: dir.display().to_string(),
                        outcome,
                    });
                }
            }
        }
        match search.major {
            Some(major) if !found.is_empty() => Err(other_major(major, found)),
            _ => Err(Error::NotFound { looked }),
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

    /// Path of one of its programs, such as `pg_dump`, when it is there.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        Some(self.bin_dir.join(name)).filter(|path| path.is_file())
    }

    /// Path of `psql`: of this installation, else the first one on `PATH`.
    #[must_use]
    pub fn psql(&self) -> Option<PathBuf> {
        self.program("psql").or_else(|| on_path("psql"))
    }

    /// The installation in `dir`, or the end of a sentence that says why there is none.
    fn at(dir: &Path) -> Result<Self, String> {
        let bin_dir = places::real_bin_dir(dir)?;
        let version = version_of(&bin_dir.join("postgres"))?;
        if version.major < Version::OLDEST_MAJOR {
            return Err(format!("it holds PostgreSQL {version}, which is too old"));
        }
        Ok(Self { bin_dir, version })
    }
}

/// The first file of this name on the `PATH` of this process.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// The caller knows the data directory and fills it in.
fn other_major(cluster: u16, found: Vec<Version>) -> Error {
    Error::OtherMajor {
        dir: PathBuf::new(),
        cluster,
        found,
    }
}

fn version_of(postgres: &Path) -> Result<Version, String> {
    let failed = |what: String| format!("`{} --version` {what}", postgres.display());
    let mut child = Command::new(postgres)
        .arg("--version")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("could not be run: {error}")))?;
    let status = wait::until(VERSION_TIMEOUT, || child.try_wait())
        .map_err(|error| failed(format!("could not be waited for: {error}")))?;
    let Some(status) = status else {
        // A failure to kill or reap it changes nothing for the caller, who gets the error below.
        drop(child.kill().and_then(|()| child.wait()));
        return Err(failed("did not answer".to_owned()));
    };
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout
            .read_to_string(&mut text)
            .map_err(|error| failed(format!("printed something unreadable: {error}")))?;
    }
    if !status.success() {
        return Err(failed(format!("ended with {status}")));
    }
    Version::parse(&text).ok_or_else(|| failed(format!("printed {:?}", text.trim())))
}

fn leading_number(text: &str) -> Option<(u16, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}
