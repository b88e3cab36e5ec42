//! The settings: from flags, the environment, `.env` and `auditrail.toml`, in this order.

mod environment;
mod error;
mod file;

use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;

use crate::cli::GlobalArgs;
use environment::Environment;
pub(crate) use error::ConfigError;
use file::ConfigFile;

/// Read from the working directory when no other file is named.
const DEFAULT_FILE: &str = "auditrail.toml";
/// Where root keeps the private PostgreSQL: a system service has no home of its own.
const ROOT_DATA_DIR: &str = "/var/lib/auditrail";

/// What the commands need to know, resolved.
pub(crate) struct Settings {
    /// The database; `None` means the private PostgreSQL. Holds a password, so it is never printed.
    pub(crate) database_url: Option<String>,
    /// Where the private PostgreSQL keeps its data.
    pub(crate) data_dir: PathBuf,
    /// Where the programs of PostgreSQL are; `None` means to look for them.
    pub(crate) pg_bin: Option<PathBuf>,
    /// How long migrations wait for locks; `None` means the store's default.
    pub(crate) lock_timeout: Option<Duration>,
}

impl Settings {
    /// Resolves the settings.
    ///
    /// # Errors
    /// When a file cannot be read, has an unknown key or a malformed line, or two settings exclude
    /// each other.
    pub(crate) fn resolve(flags: &GlobalArgs) -> Result<Self, ConfigError> {
        let environment = Environment::read(Path::new(".env"))?;
        let file = config_file(flags, &environment)?;
        let lock_timeout = environment
            .get("AUDITRAIL_LOCK_TIMEOUT")?
            .map(|text| ("AUDITRAIL_LOCK_TIMEOUT", text))
            .or_else(|| file.lock_timeout.clone().map(|text| ("lock_timeout", text)));
        let lock_timeout = lock_timeout
            .map(|(name, text)| {
                parse_duration(&text).map_err(|reason| ConfigError::Value { name, reason })
            })
            .transpose()?;
        let data_dir = flags.data_dir.clone();
        let data_dir = match data_dir.or(environment.path("AUDITRAIL_DATA_DIR")?) {
            Some(dir) => dir,
            None => file.data_dir.clone().map_or_else(default_data_dir, Ok)?,
        };
        let pg_bin = flags.pg_bin.clone().or(environment.path("AUDITRAIL_PG_BIN")?);
        Ok(Self {
            database_url: database_url(flags, &environment, &file)?,
            data_dir,
            pg_bin: pg_bin.or_else(|| file.pg_bin.clone()),
            lock_timeout,
        })
    }
}

/// Reads a length of time such as `30s`, `2m` or `1h30m`.
///
/// # Errors
/// The end of a sentence that says what is wrong.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = "is not a length of time such as 500ms, 30s or 2m";
    let time: jiff::SignedDuration = text.parse().map_err(|_| expected.to_owned())?;
    Duration::try_from(time).map_err(|_| "must not be negative".to_owned())
}

fn config_file(flags: &GlobalArgs, env: &Environment) -> Result<ConfigFile, ConfigError> {
    match flags.config.clone().or(env.path("AUDITRAIL_CONFIG")?) {
        Some(path) => ConfigFile::read(&path),
        None if Path::new(DEFAULT_FILE).exists() => ConfigFile::read(Path::new(DEFAULT_FILE)),
        None => Ok(ConfigFile::default()),
    }
}

/// The first source that names a database wins; within one, URL and file exclude each other.
fn database_url(
    flags: &GlobalArgs,
    env: &Environment,
    file: &ConfigFile,
) -> Result<Option<String>, ConfigError> {
    if let Some(url) = &flags.database_url {
        return Ok(Some(url.clone()));
    }
    if let Some(url) = env.secret("DATABASE_URL", "DATABASE_URL_FILE")? {
        return Ok(Some(url));
    }
    match (&file.database_url, &file.database_url_file) {
        (Some(_), Some(_)) => {
            Err(ConfigError::Both { one: "database_url", other: "database_url_file" })
        }
        (Some(url), None) => Ok(Some(url.clone())),
        (None, Some(path)) => environment::read_secret("database_url_file", path).map(Some),
        (None, None) => Ok(None),
    }
}

fn default_data_dir() -> Result<PathBuf, ConfigError> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from(ROOT_DATA_DIR));
    }
    etcetera::choose_base_strategy()
        .map(|strategy| strategy.data_dir().join("auditrail"))
        .map_err(|_| ConfigError::NoHome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_with_their_unit() {
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "30", "s", "-5s", "1e3s", "for ever"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
