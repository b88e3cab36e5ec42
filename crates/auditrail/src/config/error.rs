//! Configuration errors.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

/// A configuration error. No message contains a value, since it may be a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {} ({name})", path.display())]
    Unreadable {
        /// The setting that refers to the file.
        name: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The configuration file is malformed or has an unknown key.
    #[error("{}:{line}: {detail}", path.display())]
    Toml {
        path: PathBuf,
        /// 1-based.
        line: usize,
        detail: String,
    },
    /// A line of `.env` is not an assignment.
    #[error(".env:{line}: expected NAME=value (quote a value that contains spaces or #)")]
    DotEnv {
        /// 1-based.
        line: usize,
    },
    /// A setting has an invalid value.
    #[error("{name} {reason}")]
    Value {
        /// The setting, as it was given: a flag, a variable or a key of the file.
        name: Cow<'static, str>,
        /// Continues the sentence after the name.
        reason: String,
    },
    /// Two settings are mutually exclusive.
    #[error("{one} and {other} are mutually exclusive; set only one of them")]
    Both { one: &'static str, other: &'static str },
    /// The data directory cannot be derived, because the user has no home directory.
    #[error("no home directory for the data of the private PostgreSQL; set --data-dir")]
    NoHome,
}
