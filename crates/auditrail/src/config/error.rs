//! Why the configuration cannot be used.

use std::io;
use std::path::PathBuf;

/// Why the configuration cannot be used. No message repeats a value: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A file could not be read.
    #[error("cannot read {} ({name})", path.display())]
    Unreadable {
        /// The setting that names it.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The configuration file is malformed or has an unknown key.
    #[error("{}:{line}: {detail}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        detail: String,
    },
    /// A line of `.env` is no assignment.
    #[error(".env:{line}: expected NAME=value (quote a value that contains spaces or #)")]
    DotEnv {
        /// The line, from 1.
        line: usize,
    },
    /// A value is not what the setting needs.
    #[error("{name} {reason}")]
    Value {
        /// The setting.
        name: &'static str,
        /// The end of the sentence.
        reason: String,
    },
    /// Two settings exclude each other.
    #[error("{one} and {other} are mutually exclusive; set only one of them")]
    Both {
        /// One.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// There is no home directory to keep data in.
    #[error("no home directory for the data of the private PostgreSQL; set --data-dir")]
    NoHome,
}
