//! The settings, from flags, the environment, `.env` and `auditrail.toml`, in order of precedence.

mod environment;
mod error;
mod file;
mod found;
mod log;
mod resolver;
mod retention;
mod server;
mod signing_key;
mod sources;
mod users;
mod value;

use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;

use crate::cli::{GlobalArgs, ServeArgs};
pub(crate) use error::ConfigError;
pub(crate) use log::LogSettings;
pub(crate) use resolver::ResolvedSetting;
use resolver::{PrivatePath, Resolver, Secret};
use retention::ArchiveDirSources;
use server::LOG_FORMAT_VARIABLE;
pub(crate) use server::ServerSettings;
use signing_key::SigningKeySources;
use sources::{CONFIG_VARIABLE, Sources};
pub(crate) use value::{ListenAddress, LogFilter, LogFormat, parse_duration};

/// Data directory for root, since a system service has no home directory.
const ROOT_DATA_DIR: &str = "/var/lib/auditrail";

/// Resolved settings of all commands.
#[derive(Clone)]
pub(crate) struct Settings {
    /// `None` means the private PostgreSQL. May contain a password, so it is never printed.
    pub(crate) database_url: Option<String>,
    /// Data directory of the private PostgreSQL.
    pub(crate) data_dir: PathBuf,
    /// Directory of the PostgreSQL binaries; `None` means to search for it.
    pub(crate) pg_bin: Option<PathBuf>,
    /// Lock timeout of migrations; `None` means the store's default.
    pub(crate) lock_timeout: Option<Duration>,
}

/// Every setting with its value and source, for `config show`.
pub(crate) struct Overview {
    /// The configuration file, if one was read.
    pub(crate) path: Option<PathBuf>,
    pub(crate) settings: Vec<ResolvedSetting>,
    /// Environment variables with our prefix that are no setting.
    pub(crate) unknown: Vec<String>,
}

impl Settings {
    /// Resolves the settings.
    ///
    /// # Errors
    /// When a file cannot be read or is malformed, a key is unknown, a value is invalid, settings are mutually
    /// exclusive, or a file of the working directory could have been written by another user or has a setting that it
    /// cannot have.
    pub(crate) fn resolve(flags: &GlobalArgs) -> Result<Self, ConfigError> {
        Self::from_sources(flags, &Sources::read(flags)?).map(|(settings, _)| settings)
    }

    fn from_sources(
        flags: &GlobalArgs,
        sources: &Sources,
    ) -> Result<(Self, Vec<ResolvedSetting>), ConfigError> {
        let file = &sources.file;
        let mut r = Resolver::new(&sources.environment);
        let database_url = r.secret(&Secret {
            key: "database_url",
            file_key: "database_url_file",
            env: "DATABASE_URL",
            file_env: "DATABASE_URL_FILE",
            flag: flags.database_url.as_deref(),
            file: file.database_url.as_deref(),
            file_path: file.database_url_file.as_deref(),
        })?;
        let found_file = sources.found_file();
        let data_dir = r.private_path(&PrivatePath {
            key: "data_dir",
            env: "AUDITRAIL_DATA_DIR",
            flag_name: "--data-dir",
            flag: flags.data_dir.as_deref(),
            file: file.data_dir.as_deref(),
            found_file,
        })?;
        let data_dir = match data_dir {
            Some(dir) => dir,
            None => {
                let dir = default_data_dir()?;
                r.set_last_value(dir.display().to_string());
                dir
            }
        };
        let settings = Self {
            database_url,
            data_dir,
            pg_bin: r.private_path(&PrivatePath {
                key: "pg_bin",
                env: "AUDITRAIL_PG_BIN",
                flag_name: "--pg-bin",
                flag: flags.pg_bin.as_deref(),
                file: file.pg_bin.as_deref(),
                found_file,
            })?,
            lock_timeout: r.optional(
                "lock_timeout",
                "AUDITRAIL_LOCK_TIMEOUT",
                None,
                file.lock_timeout.as_ref(),
            )?,
        };
        Ok((settings, r.into_resolved()))
    }

    /// Resolves the settings of `serve`.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
    pub(crate) fn server(
        flags: &GlobalArgs,
        args: &ServeArgs,
    ) -> Result<ServerSettings, ConfigError> {
        let sources = Sources::read(flags)?;
        Self::server_from_sources(args, &sources).map(|(settings, _)| settings)
    }

    fn server_from_sources(
        args: &ServeArgs,
        sources: &Sources,
    ) -> Result<(ServerSettings, Vec<ResolvedSetting>), ConfigError> {
        let Sources { environment, file, .. } = sources;
        ServerSettings::resolve(args, environment, &file.server, sources.found_file())
    }

    /// The archive directory of the service, which `retention run` uses too, unless its flag names another one.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
    pub(crate) fn archive_dir(
        flags: &GlobalArgs,
        flag: Option<&Path>,
    ) -> Result<Option<PathBuf>, ConfigError> {
        let sources = Sources::read(flags)?;
        let file = sources.file.server.archive_dir.as_deref();
        ArchiveDirSources { flag, file, found_file: sources.found_file() }
            .resolve(&mut Resolver::new(&sources.environment))
    }

    /// The key that signs checkpoints, of the service and of `log-key`.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
    pub(crate) fn signing_key_file(
        flags: &GlobalArgs,
        flag: Option<&Path>,
    ) -> Result<Option<PathBuf>, ConfigError> {
        let sources = Sources::read(flags)?;
        let file = sources.file.server.signing_key_file.as_deref();
        SigningKeySources { flag, file, found_file: sources.found_file() }
            .resolve(&mut Resolver::new(&sources.environment))
    }

    /// Resolves every setting.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
    pub(crate) fn overview(flags: &GlobalArgs) -> Result<Overview, ConfigError> {
        let sources = Sources::read(flags)?;
        let (_, mut settings) = Self::from_sources(flags, &sources)?;
        let (_, server) = Self::server_from_sources(&ServeArgs::default(), &sources)?;
        settings.extend(server);
        let is_known = |name: &String| {
            let is_setting = settings.iter().any(|setting| {
                name == setting.env
                    || name.strip_suffix("_FILE").is_some_and(|name| name == setting.env)
            });
            is_setting || name == CONFIG_VARIABLE
        };
        let unknown = sources.environment.own_names().into_iter().filter(|name| !is_known(name));
        Ok(Overview { unknown: unknown.collect(), path: sources.path, settings })
    }
}

/// Whether `serve` logs JSON on stderr, as far as the settings can be read: those that cannot are reported in
/// the form that the environment asks for.
pub(crate) fn logs_json(flags: &GlobalArgs) -> bool {
    let Ok(sources) = Sources::read(flags) else { return variable_says_json() };
    let format = ServerSettings::log_format(&sources.environment, &sources.file.server);
    format.unwrap_or(LogFormat::Auto).is_json()
}

/// As [`logs_json`], for a command that reads no settings but the environment.
pub(crate) fn environment_logs_json() -> bool {
    LogSettings::from_environment()
        .map_or_else(|_| variable_says_json(), |settings| settings.format.is_json())
}

/// Whether the environment asks for a JSON log, before any setting is read.
pub(crate) fn variable_says_json() -> bool {
    std::env::var(LOG_FORMAT_VARIABLE).is_ok_and(|format| format == "json")
}

fn default_data_dir() -> Result<PathBuf, ConfigError> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from(ROOT_DATA_DIR));
    }
    etcetera::choose_base_strategy()
        .map(|strategy| strategy.data_dir().join("auditrail"))
        .map_err(|_| ConfigError::NoHome)
}
