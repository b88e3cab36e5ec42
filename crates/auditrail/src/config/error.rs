//! Configuration errors.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

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
    /// A file of the working directory that another user could have written.
    #[error(
        "{} is refused: {reason}; another user could direct this command to another database. After reading it, make \
         it yours alone (chown, chmod go-w), {}, or run the command in another directory",
        path.display(),
        alternative(path)
    )]
    Untrusted {
        path: PathBuf,
        /// What is wrong, as a sentence about the file.
        reason: String,
    },
    /// A file of the working directory has a setting that only the user can give.
    #[error(
        "{name} in {} is refused: a file that is only found, in the working directory, cannot say which programs run or \
         where private data lies; use {flag}, the environment variable {variable}, or a file named by --config",
        path.display()
    )]
    Misplaced {
        /// The setting, as the file names it.
        name: &'static str,
        path: PathBuf,
        flag: &'static str,
        variable: &'static str,
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

/// The other way to use the settings of a refused file.
fn alternative(path: &Path) -> &'static str {
    if path.ends_with(".env") {
        "pass its settings as environment variables"
    } else {
        "name it with --config"
    }
}
