//! Environment variables, with `.env` as a fallback.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Cursor;
use std::path::Path;

use super::error::ConfigError;
use super::found;

/// Prefix of the program's variables.
const PREFIX: &str = "AUDITRAIL_";
/// The source of a variable of the process.
pub(super) const ENVIRONMENT: &str = "environment";
/// The source of a variable of the file.
pub(super) const DOT_ENV: &str = ".env";

/// The environment with a fallback to `.env`. Variables are never set in the process, since other
/// threads may read its environment at the same time.
pub(super) struct Environment {
    dot_env: HashMap<String, String>,
}

impl Environment {
    /// Reads the `.env` file at `path`, if it exists.
    ///
    /// # Errors
    /// As [`found::read`]; [`ConfigError::DotEnv`].
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = found::read(path, "the working directory's .env file")?.unwrap_or_default();
        let mut dot_env = HashMap::new();
        for item in dotenvy::from_read_iter(Cursor::new(&text)) {
            let (name, value) = item.map_err(|error| dot_env_error(&text, &error))?;
            // The last assignment wins, as in a shell that sources the file.
            dot_env.insert(name, value);
        }
        Ok(Self { dot_env })
    }

    /// The environment without a `.env` file.
    pub(super) fn of_process() -> Self {
        Self { dot_env: HashMap::new() }
    }

    /// The value of a variable and its source. An empty variable counts as unset.
    pub(super) fn find(
        &self,
        name: &'static str,
    ) -> Result<Option<(String, &'static str)>, ConfigError> {
        let variable = match std::env::var(name) {
            Ok(value) => Some((value, ENVIRONMENT)),
            Err(std::env::VarError::NotPresent) => {
                self.dot_env.get(name).map(|value| (value.clone(), DOT_ENV))
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                let reason = "is not valid UTF-8".to_owned();
                return Err(ConfigError::Value { name: name.into(), reason });
            }
        };
        Ok(variable.filter(|(value, _)| !value.is_empty()))
    }

    /// The variables with the program's prefix, from both sources.
    pub(super) fn own_names(&self) -> BTreeSet<String> {
        let in_environment = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let all = in_environment.chain(self.dot_env.keys().cloned());
        all.filter(|name| name.starts_with(PREFIX)).collect()
    }
}

/// Reads a secret from a file, without the trailing newline. Only the `environment` may name a pipe, as the process
/// substitution of a shell does.
pub(super) fn read_secret(
    name: &'static str,
    path: &Path,
    source: &'static str,
) -> Result<String, ConfigError> {
    let text = if source == ENVIRONMENT {
        File::open(path).and_then(found::read_bounded)
    } else {
        found::read_regular(path)
    };
    let text =
        text.map_err(|source| ConfigError::Unreadable { name, path: path.to_owned(), source })?;
    let secret = text.trim_end_matches(['\n', '\r']);
    if secret.is_empty() {
        let reason = "points to an empty file".to_owned();
        return Err(ConfigError::Value { name: name.into(), reason });
    }
    Ok(secret.to_owned())
}

/// Reports the line number, never the line, since it may contain a password.
fn dot_env_error(text: &str, error: &dotenvy::Error) -> ConfigError {
    let line = match error {
        dotenvy::Error::LineParse(content, _) => {
            // `content` includes the following lines if a quote is unterminated.
            let first = content.lines().next().unwrap_or_default();
            let index = text.lines().position(|line| line.contains(first));
            index.map_or(1, |index| index + 1)
        }
        _ => 1,
    };
    ConfigError::DotEnv { line }
}
