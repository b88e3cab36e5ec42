//! The settings: from flags, the environment, `.env` and `auditrail.toml`, in this order.

mod environment;
mod error;
mod file;
mod resolver;
mod server;
mod value;

use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;

use crate::cli::{GlobalArgs, ServeArgs};
use environment::Environment;
pub(crate) use error::ConfigError;
use file::ConfigFile;
pub(crate) use resolver::Shown;
use resolver::{Resolver, Secret};
pub(crate) use server::ServerSettings;
pub(crate) use value::LogFormat;

/// Read from the working directory when no other file is named.
const DEFAULT_FILE: &str = "auditrail.toml";
/// The variable that names another.
const CONFIG_VARIABLE: &str = "AUDITRAIL_CONFIG";
/// Where root keeps the private PostgreSQL: a system service has no home of its own.
const ROOT_DATA_DIR: &str = "/var/lib/auditrail";

/// The environment and the files, read once.
struct Sources {
    environment: Environment,
    file: ConfigFile,
    /// The file, where one was read.
    path: Option<PathBuf>,
}

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

/// Every setting there is, for people to look at.
pub(crate) struct Overview {
    /// The configuration file, where there is one.
    pub(crate) path: Option<PathBuf>,
    /// Every setting, with where it came from.
    pub(crate) settings: Vec<Shown>,
    /// Variables of the environment that look like ours and are not.
    pub(crate) unknown: Vec<String>,
}

impl Settings {
    /// Resolves the settings.
    ///
    /// # Errors
    /// When a file cannot be read, has an unknown key or a malformed line, or two settings exclude
    /// each other.
    pub(crate) fn resolve(flags: &GlobalArgs) -> Result<Self, ConfigError> {
        Self::from_sources(flags, &Sources::read(flags)?).map(|(settings, _)| settings)
    }

    fn from_sources(
        flags: &GlobalArgs,
        sources: &Sources,
    ) -> Result<(Self, Vec<Shown>), ConfigError> {
        let (file, mut r) = (&sources.file, Resolver::new(&sources.environment));
        let database_url = r.secret(&Secret {
            key: "database_url",
            file_key: "database_url_file",
            env: "DATABASE_URL",
            file_env: "DATABASE_URL_FILE",
            flag: flags.database_url.as_deref(),
            file: file.database_url.as_deref(),
            file_path: file.database_url_file.as_deref(),
        })?;
        let data_dir = r.path(
            "data_dir",
            "AUDITRAIL_DATA_DIR",
            flags.data_dir.as_deref(),
            file.data_dir.as_deref(),
        )?;
        let data_dir = match data_dir {
            Some(dir) => dir,
            None => {
                let dir = default_data_dir()?;
                r.show_last_as(dir.display().to_string());
                dir
            }
        };
        let settings = Self {
            database_url,
            data_dir,
            pg_bin: r.path(
                "pg_bin",
                "AUDITRAIL_PG_BIN",
                flags.pg_bin.as_deref(),
                file.pg_bin.as_deref(),
            )?,
            lock_timeout: r.optional(
                "lock_timeout",
                "AUDITRAIL_LOCK_TIMEOUT",
                None,
                file.lock_timeout.as_ref(),
            )?,
        };
        Ok((settings, r.into_shown()))
    }

    /// Resolves what `serve` needs besides.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
    pub(crate) fn server(
        flags: &GlobalArgs,
        args: &ServeArgs,
    ) -> Result<ServerSettings, ConfigError> {
        ServerSettings::resolve(args, &Sources::read(flags)?).map(|(settings, _)| settings)
    }

    /// Resolves everything, to be looked at.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
    pub(crate) fn overview(flags: &GlobalArgs) -> Result<Overview, ConfigError> {
        let sources = Sources::read(flags)?;
        let (_, mut settings) = Self::from_sources(flags, &sources)?;
        let (_, server) = ServerSettings::resolve(&ServeArgs::default(), &sources)?;
        settings.extend(server);
        let known = |name: &String| {
            let own = settings.iter().any(|shown| {
                name == shown.env
                    || name.strip_suffix("_FILE").is_some_and(|name| name == shown.env)
            });
            own || name == CONFIG_VARIABLE
        };
        let unknown = sources.environment.own_names().into_iter().filter(|name| !known(name));
        Ok(Overview { unknown: unknown.collect(), path: sources.path, settings })
    }
}

impl Sources {
    fn read(flags: &GlobalArgs) -> Result<Self, ConfigError> {
        let environment = Environment::read(Path::new(".env"))?;
        let named = environment.find(CONFIG_VARIABLE)?.map(|(path, _)| PathBuf::from(path));
        let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
        let path = flags.config.clone().or(named).or_else(default);
        let file = path.as_deref().map(ConfigFile::read).transpose()?.unwrap_or_default();
        Ok(Self { environment, file, path })
    }
}

/// Parses a duration such as `30s`, `2m` or `1h30m`.
///
/// # Errors
/// The end of a sentence that says what is wrong.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = "is not a duration such as 500ms, 30s or 2m";
    let time: jiff::SignedDuration = text.parse().map_err(|_| expected.to_owned())?;
    Duration::try_from(time).map_err(|_| "must not be negative".to_owned())
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
