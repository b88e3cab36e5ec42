//! One setting after the other: its value, and where it came from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::environment::{self, Environment};
use super::value::Value;

/// What stands for a secret.
const HIDDEN: &str = "(hidden)";

/// A setting as `config show` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// Its key in the file; those of a table as `table.key`.
    pub(crate) key: &'static str,
    /// The environment variable.
    pub(crate) env: &'static str,
    /// The value in force; none where it is not set and has no default. Never a secret.
    pub(crate) value: Option<String>,
    /// Where it came from: flag, environment, .env, file or default.
    pub(crate) source: &'static str,
}

/// A value in the file, which may be written with or without quotes.
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

/// Resolves settings: flag, environment, `.env`, file, default, in this order.
pub(super) struct Resolver<'a> {
    environment: &'a Environment,
    shown: Vec<Shown>,
}

impl<'a> Resolver<'a> {
    pub(super) const fn new(environment: &'a Environment) -> Self {
        Self { environment, shown: Vec::new() }
    }

    /// Every setting that was asked for.
    pub(super) fn into_shown(self) -> Vec<Shown> {
        self.shown
    }

    /// A setting without a default.
    pub(super) fn optional<T: Value>(
        &mut self,
        key: &'static str,
        env: &'static str,
        flag: Option<&str>,
        file: Option<&Scalar>,
    ) -> Result<Option<T>, ConfigError> {
        let found = match (flag, self.environment.find(env)?, file) {
            (Some(text), _, _) => Some((text.to_owned(), "flag", env)),
            (None, Some((text, source)), _) => Some((text, source, env)),
            (None, None, Some(scalar)) => Some((scalar.text(), "file", key)),
            (None, None, None) => None,
        };
        let Some((text, source, name)) = found else {
            self.shown.push(Shown { key, env, value: None, source: "default" });
            return Ok(None);
        };
        let value = T::read(&text).map_err(|reason| ConfigError::Value { name, reason })?;
        self.shown.push(Shown { key, env, value: Some(value.show()), source });
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
        if let Some(last) = self.shown.last_mut() {
            last.value = Some(default.show());
        }
        Ok(default)
    }

    /// A path; one in the file was made relative to the file already.
    pub(super) fn path(
        &mut self,
        key: &'static str,
        env: &'static str,
        flag: Option<&Path>,
        file: Option<&Path>,
    ) -> Result<Option<PathBuf>, ConfigError> {
        let (path, source) = match (flag, self.environment.find(env)?, file) {
            (Some(path), _, _) => (Some(path.to_owned()), "flag"),
            (None, Some((text, source)), _) => (Some(PathBuf::from(text)), source),
            (None, None, Some(path)) => (Some(path.to_owned()), "file"),
            (None, None, None) => (None, "default"),
        };
        let value = path.as_ref().map(|path| path.display().to_string());
        self.shown.push(Shown { key, env, value, source });
        Ok(path)
    }

    /// A secret, in the variable or key itself or in the file that another one names. Within one
    /// source the two exclude each other.
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
                    (Some(environment::read_secret(file_env, Path::new(&path))?), source)
                }
                (None, None) => match (file, file_path) {
                    (Some(_), Some(_)) => {
                        return Err(ConfigError::Both { one: key, other: file_key });
                    }
                    (Some(text), None) => (Some(text.to_owned()), "file"),
                    (None, Some(path)) => (Some(environment::read_secret(file_key, path)?), "file"),
                    (None, None) => (None, "default"),
                },
            }
        };
        let value = secret.as_ref().map(|_| HIDDEN.to_owned());
        self.shown.push(Shown { key, env, value, source });
        Ok(secret)
    }

    /// What stands for the value of the last setting; a secret in a form that can be shown.
    pub(super) fn show_last_as(&mut self, value: String) {
        if let Some(last) = self.shown.last_mut() {
            last.value = Some(value);
        }
    }
}

/// The places a secret may come from.
pub(super) struct Secret<'a> {
    pub(super) key: &'static str,
    pub(super) file_key: &'static str,
    pub(super) env: &'static str,
    pub(super) file_env: &'static str,
    pub(super) flag: Option<&'a str>,
    pub(super) file: Option<&'a str>,
    pub(super) file_path: Option<&'a Path>,
}
