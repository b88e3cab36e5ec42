//! The environment, with `.env` behind it.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, Cursor};
use std::path::Path;

use super::ConfigError;

/// What the names of our variables begin with.
const PREFIX: &str = "AUDITRAIL_";

/// The environment; what it lacks, `.env` may give. Nothing is ever set: other threads read it too.
pub(super) struct Environment {
    dot_env: HashMap<String, String>,
}

impl Environment {
    /// Reads `.env` at `path`; there need not be one.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => {
                return Err(ConfigError::Unreadable {
                    name: "the working directory's .env file",
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let mut dot_env = HashMap::new();
        for item in dotenvy::from_read_iter(Cursor::new(&text)) {
            let (name, value) = item.map_err(|error| dot_env_error(&text, &error))?;
            // As in a shell, where the file is sourced, the last of two lines counts.
            dot_env.insert(name, value);
        }
        Ok(Self { dot_env })
    }

    /// A variable and whether it is from the environment or from `.env`; one that is empty counts as
    /// not set.
    pub(super) fn find(
        &self,
        name: &'static str,
    ) -> Result<Option<(String, &'static str)>, ConfigError> {
        let found = match std::env::var(name) {
            Ok(value) => Some((value, "environment")),
            Err(std::env::VarError::NotPresent) => {
                self.dot_env.get(name).map(|value| (value.clone(), ".env"))
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                let reason = "is not valid UTF-8".to_owned();
                return Err(ConfigError::Value { name, reason });
            }
        };
        Ok(found.filter(|(value, _)| !value.is_empty()))
    }

    /// The names of the variables of this program that are set, in either place.
    pub(super) fn own_names(&self) -> BTreeSet<String> {
        let in_environment = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let all = in_environment.chain(self.dot_env.keys().cloned());
        all.filter(|name| name.starts_with(PREFIX)).collect()
    }
}

/// Reads a secret from a file, without the newline that editors put at its end.
pub(super) fn read_secret(name: &'static str, path: &Path) -> Result<String, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        name,
        path: path.to_owned(),
        source,
    })?;
    let secret = text.trim_end_matches(['\n', '\r']);
    if secret.is_empty() {
        let reason = "points to an empty file".to_owned();
        return Err(ConfigError::Value { name, reason });
    }
    Ok(secret.to_owned())
}

/// The number of the line, never the line: it may hold a password.
fn dot_env_error(text: &str, error: &dotenvy::Error) -> ConfigError {
    let line = match error {
        dotenvy::Error::LineParse(content, _) => {
            // A value whose quote is not closed has taken the lines after it along.
            let first = content.lines().next().unwrap_or_default();
            let place = text.lines().position(|line| line.contains(first));
            place.map_or(1, |index| index + 1)
        }
        _ => 1,
    };
    ConfigError::DotEnv { line }
}
