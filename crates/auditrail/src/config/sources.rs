//! The sources of settings: the environment, `.env` and the configuration file.

use std::path::{Path, PathBuf};

use super::environment::Environment;
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
}

impl Sources {
    /// Reads `.env` and the configuration file.
    ///
    /// # Errors
    /// When one of them cannot be read or is malformed.
    pub(super) fn read(flags: &GlobalArgs) -> Result<Self, ConfigError> {
        let environment = Environment::read(Path::new(".env"))?;
        let variable = environment.find(CONFIG_VARIABLE)?.map(|(path, _)| PathBuf::from(path));
        let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
        let path = flags.config.clone().or(variable).or_else(default);
        let file = path.as_deref().map(ConfigFile::read).transpose()?.unwrap_or_default();
        Ok(Self { environment, file, path })
    }
}
