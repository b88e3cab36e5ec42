//! Resolves one setting at a time and records its source.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::environment::{self, DOT_ENV, Environment};
use super::error::ConfigError;
use super::value::Value;

/// Shown instead of a secret.
const HIDDEN: &str = "(hidden)";

/// A setting as `config show` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct ResolvedSetting {
    /// The key in the configuration file, as `table.key`.
    pub(crate) key: &'static str,
    /// The environment variable.
    pub(crate) env: &'static str,
    /// The effective value, never a secret. `None` if it is unset and has no default.
    pub(crate) value: Option<String>,
    /// One of flag, environment, .env, file or default.
    pub(crate) source: &'static str,
}

/// A value in the configuration file, with or without quotes.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<String>),
}

impl Scalar {
    fn text(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::List(texts) => texts.join(","),
        }
    }
}

/// Resolves settings by precedence: flag, environment, `.env`, file, default.
pub(super) struct Resolver<'a> {
    environment: &'a Environment,
    resolved: Vec<ResolvedSetting>,
}

impl<'a> Resolver<'a> {
    pub(super) const fn new(environment: &'a Environment) -> Self {
        Self { environment, resolved: Vec::new() }
    }

    /// All settings resolved so far.
    pub(super) fn into_resolved(self) -> Vec<ResolvedSetting> {
        self.resolved
    }

    /// A setting without a default.
    pub(super) fn optional<T: Value>(
        &mut self,
        key: &'static str,
        env: &'static str,
        flag: Option<&str>,
        file: Option<&Scalar>,
    ) -> Result<Option<T>, ConfigError> {
        let source = match (flag, self.environment.find(env)?, file) {
            (Some(text), _, _) => Some((text.to_owned(), "flag", flag_name(key))),
            (None, Some((text, source)), _) => Some((text, source, env.into())),
            (None, None, Some(scalar)) => Some((scalar.text(), "file", key.into())),
            (None, None, None) => None,
        };
        let Some((text, source, name)) = source else {
            self.resolved.push(ResolvedSetting { key, env, value: None, source: "default" });
            return Ok(None);
        };
        let value = T::parse(&text).map_err(|reason| ConfigError::Value { name, reason })?;
        self.resolved.push(ResolvedSetting { key, env, value: Some(value.format()), source });
        Ok(Some(value))
    }

    /// A setting with a default.
    pub(super) fn setting<T: Value>(
        &mut self,
        key: &'static str,
        env: &'static str,
        flag: Option<&str>,
        file: Option<&Scalar>,
        default: T,
    ) -> Result<T, ConfigError> {
        if let Some(value) = self.optional(key, env, flag, file)? {
            return Ok(value);
        }
        if let Some(last) = self.resolved.last_mut() {
            last.value = Some(default.format());
        }
        Ok(default)
    }

    /// A path that decides which programs run or where private data lies: from a flag, a variable of the process, or
    /// a file that the user named. A relative path of the file is resolved already.
    ///
    /// # Errors
    /// [`ConfigError::Misplaced`] if a file that is only found in the working directory sets it.
    pub(super) fn private_path(
        &mut self,
        names: &PrivatePath<'_>,
    ) -> Result<Option<PathBuf>, ConfigError> {
        let PrivatePath { key, env, flag_name, flag, file, found_file } = *names;
        let misplaced = |name, path: &Path| ConfigError::Misplaced {
            name,
            path: path.to_owned(),
            flag: flag_name,
            variable: env,
        };
        let (path, source) = match (flag, self.environment.find(env)?, file) {
            (Some(path), _, _) => (Some(path.to_owned()), "flag"),
            (None, Some((_, DOT_ENV)), _) => return Err(misplaced(env, Path::new(DOT_ENV))),
            (None, Some((text, source)), _) => (Some(PathBuf::from(text)), source),
            (None, None, Some(path)) => match found_file {
                Some(found) => return Err(misplaced(key, found)),
                None => (Some(path.to_owned()), "file"),
            },
            (None, None, None) => (None, "default"),
        };
        let value = path.as_ref().map(|path| path.display().to_string());
        self.resolved.push(ResolvedSetting { key, env, value, source });
        Ok(path)
    }

    /// A secret, given directly or as the path of a file that contains it; within one source the two are
    /// mutually exclusive.
    pub(super) fn secret(&mut self, names: &Secret<'_>) -> Result<Option<String>, ConfigError> {
        let Secret { key, file_key, env, file_env, flag, file, file_path } = *names;
        let (secret, source) = if let Some(text) = flag {
            (Some(text.to_owned()), "flag")
        } else {
            match (self.environment.find(env)?, self.environment.find(file_env)?) {
                (Some(_), Some(_)) => {
                    return Err(ConfigError::Both { one: env, other: file_env });
                }
                (Some((text, source)), None) => (Some(text), source),
                (None, Some((path, source))) => {
                    (Some(environment::read_secret(file_env, Path::new(&path), source)?), source)
                }
                (None, None) => match (file, file_path) {
                    (Some(_), Some(_)) => {
                        return Err(ConfigError::Both { one: key, other: file_key });
                    }
                    (Some(text), None) => (Some(text.to_owned()), "file"),
                    (None, Some(path)) => {
                        (Some(environment::read_secret(file_key, path, "file")?), "file")
                    }
                    (None, None) => (None, "default"),
                },
            }
        };
        let value = secret.as_ref().map(|_| HIDDEN.to_owned());
        self.resolved.push(ResolvedSetting { key, env, value, source });
        Ok(secret)
    }

    /// Replaces the displayed value of the last resolved setting.
    pub(super) fn set_last_value(&mut self, value: String) {
        if let Some(last) = self.resolved.last_mut() {
            last.value = Some(value);
        }
    }
}

/// The names and values of a path in each source.
pub(super) struct PrivatePath<'a> {
    pub(super) key: &'static str,
    pub(super) env: &'static str,
    /// The name of the flag.
    pub(super) flag_name: &'static str,
    pub(super) flag: Option<&'a Path>,
    pub(super) file: Option<&'a Path>,
    /// The path of the configuration file, unless the user named it.
    pub(super) found_file: Option<&'a Path>,
}

/// The flag of a key: `--admin-listen` of `server.admin_listen`.
fn flag_name(key: &str) -> Cow<'static, str> {
    let name = key.rsplit('.').next().unwrap_or(key);
    format!("--{}", name.replace('_', "-")).into()
}

/// The names and values of a secret in each source.
pub(super) struct Secret<'a> {
    pub(super) key: &'static str,
    pub(super) file_key: &'static str,
    pub(super) env: &'static str,
    pub(super) file_env: &'static str,
    pub(super) flag: Option<&'a str>,
    pub(super) file: Option<&'a str>,
    pub(super) file_path: Option<&'a Path>,
}
