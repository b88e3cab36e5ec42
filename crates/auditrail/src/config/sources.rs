//! The sources of settings: the environment, `.env` and the configuration file.

use std::path::{Path, PathBuf};

use super::environment::{DOT_ENV, ENVIRONMENT, Environment};
use super::error::ConfigError;
use super::file::ConfigFile;
use crate::cli::GlobalArgs;

/// The configuration file in the working directory, unless another one is given.
const DEFAULT_FILE: &str = "auditrail.toml";
/// Path of the configuration file.
pub(super) const CONFIG_VARIABLE: &str = "AUDITRAIL_CONFIG";

/// The environment and the configuration file, read once.
pub(super) struct Sources {
    pub(super) environment: Environment,
    pub(super) file: ConfigFile,
    /// The path of the file, if one was read.
    pub(super) path: Option<PathBuf>,
    /// Whether the user named the file, by a flag or a variable of the process.
    pub(super) is_named: bool,
}

impl Sources {
    /// The path of the configuration file, unless the user named it.
    pub(super) fn found_file(&self) -> Option<&Path> {
        self.path.as_deref().filter(|_| !self.is_named)
    }

    /// Reads `.env` and the configuration file.
    ///
    /// # Errors
    /// When one of them cannot be read or is malformed, or lies in the working directory and could have been written
    /// by another user.
    pub(super) fn read(flags: &GlobalArgs) -> Result<Self, ConfigError> {
        let environment = Environment::read(Path::new(DOT_ENV))?;
        let variable = environment.find(CONFIG_VARIABLE)?;
        let named_by_variable = variable.as_ref().filter(|(_, source)| *source == ENVIRONMENT);
        let named = flags.config.clone().or(named_by_variable.map(|(path, _)| PathBuf::from(path)));
        if let Some(path) = named {
            let file = ConfigFile::read_named(&path)?;
            return Ok(Self { environment, file, path: Some(path), is_named: true });
        }
        let path = PathBuf::from(variable.map_or(DEFAULT_FILE.to_owned(), |(path, _)| path));
        let file = ConfigFile::read_found(&path)?;
        let was_read = file.is_some();
        Ok(Self {
            environment,
            file: file.unwrap_or_default(),
            path: Some(path).filter(|_| was_read),
            is_named: false,
        })
    }
}
