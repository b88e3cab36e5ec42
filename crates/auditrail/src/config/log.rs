//! The log of a command that reads no other settings.

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::environment::Environment;
use super::error::ConfigError;
use super::resolver::Resolver;
use super::server::LOG_FORMAT_VARIABLE;
use super::value::{LogFilter, LogFormat};

/// Which log lines are printed, and how.
pub(crate) struct LogSettings {
    pub(crate) filter: LogFilter,
    pub(crate) format: LogFormat,
}

impl LogSettings {
    /// Reads the variables of the process, and no file.
    ///
    /// # Errors
    /// When a value is invalid.
    pub(crate) fn from_environment() -> Result<Self, ConfigError> {
        let environment = Environment::of_process();
        let mut r = Resolver::new(&environment);
        let all = LogFilter(Targets::new().with_default(LevelFilter::INFO));
        Ok(Self {
            filter: r.setting("server.log", "AUDITRAIL_LOG", None, None, all)?,
            format: r.setting(
                "server.log_format",
                LOG_FORMAT_VARIABLE,
                None,
                None,
                LogFormat::Auto,
            )?,
        })
    }
}
