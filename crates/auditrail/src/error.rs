//! Why a command did not do what it was asked, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use auditrail_core::ValidationErrors;
use auditrail_store::StoreError;
use auditrail_store::migrate::MigrateError;

use crate::config::ConfigError;

/// Why a command did not do what it was asked. [`Exit::of`](crate::exit::Exit::of) gives its exit
/// code, [`Error::hint`] the next step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The arguments cannot be right.
    #[error("{0}")]
    Usage(String),
    /// Values of the arguments break rules; every one is listed.
    #[error("{}", list(.0))]
    Invalid(ValidationErrors),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The migration runner stopped.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something was done before it failed.
    #[error("{detail}")]
    Partly {
        /// What was done.
        detail: String,
        /// What stopped the rest.
        source: Box<Error>,
    },
    /// The private PostgreSQL could not be found, made, started or stopped.
    #[error("the private PostgreSQL is unavailable")]
    Private(#[from] local_postgres::Error),
    /// There is no database to talk to, or it went away.
    #[error("{doing}")]
    Unreachable {
        /// What could not be done, with the database named and its password left out.
        doing: String,
        /// What the driver or the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The schema is older than this program needs.
    #[error("{detail}")]
    Pending {
        /// What is missing.
        detail: String,
    },
    /// A check found differences. They have been printed.
    #[error("{detail}")]
    Unsound {
        /// What was found, in one sentence.
        detail: String,
    },
    /// Reading or writing a file failed.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something else refused.
    #[error("{detail}")]
    Failed {
        /// Stable name for scripts.
        code: &'static str,
        /// What happened.
        detail: String,
        /// Why.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
        /// What to do next.
        hint: Option<&'static str>,
    },
    /// Ctrl-C or SIGTERM.
    #[error("interrupted")]
    Interrupted,
    /// The reader of our output has gone. Nothing is printed for it.
    #[error("broken pipe")]
    BrokenPipe,
}

impl Error {
    /// A failure that is its own cause.
    pub(crate) fn failed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Failed { code, detail: detail.into(), source: None, hint: None }
    }

    /// A file is there that would have to be overwritten.
    pub(crate) fn exists(path: &Path, hint: &'static str) -> Self {
        Self::Failed {
            code: "file_exists",
            detail: format!("{} already exists", path.display()),
            source: None,
            hint: Some(hint),
        }
    }

    /// For `map_err`: an error about a file.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Io { doing, path, source },
        }
    }

    /// For `map_err`: an error of stdout.
    pub(crate) fn stdout(source: io::Error) -> Self {
        Self::io("write to", Path::new("stdout"))(source)
    }

    /// Stable name for scripts.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Invalid(_) => "invalid_value",
            Self::Config(_) => "configuration",
            Self::Migrate(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Partly { source, .. } => source.code(),
            Self::Private(_) => "private_postgres",
            Self::Unreachable { .. } => "database_unreachable",
            Self::Pending { .. } => "migrations_pending",
            Self::Unsound { .. } => "verification_failed",
            Self::Io { .. } => "io",
            Self::Failed { code, .. } => code,
            Self::Interrupted => "interrupted",
            Self::BrokenPipe => "broken_pipe",
        }
    }

    /// What to do next, where the message does not say so already.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Usage(_) | Self::Invalid(_) => Some("see `--help` for examples"),
            Self::Pending { .. } => Some("run `auditrail migrate`"),
            Self::Unreachable { .. }
            | Self::Store(StoreError::Unreachable { .. })
            | Self::Migrate(MigrateError::Unreachable { .. }) => Some(
                "check that the server is running, and the database URL (--database-url, \
                 DATABASE_URL, .env, auditrail.toml); without one, a private PostgreSQL is used",
            ),
            Self::Migrate(MigrateError::LockBusy { .. } | MigrateError::TableBusy { .. }) => {
                Some("retry, or set a longer --lock-timeout")
            }
            Self::Partly { .. } => Some("run the same command again: the import is idempotent"),
            Self::Failed { hint, .. } => *hint,
            _ => None,
        }
    }

    /// The message and what caused it, outermost first.
    pub(crate) fn chain(&self) -> Vec<String> {
        let mut texts = vec![self.to_string()];
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            let text = worded(error);
            // Some libraries repeat their source in their own message.
            if texts.last().is_some_and(|last| !last.contains(&text)) {
                texts.push(text);
            }
            // What lies below is the same, with a line of the server's source code.
            let from_server = matches!(error.downcast_ref(), Some(sqlx::Error::Database(_)));
            source = error.source().filter(|_| !from_server);
        }
        texts
    }
}

/// The server's own words; the driver adds to them a line of the server's source code.
fn worded(error: &(dyn std::error::Error + 'static)) -> String {
    match error.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(error)) => match error.code() {
            Some(code) => format!("{} (SQLSTATE {code})", error.message()),
            None => error.message().to_owned(),
        },
        Some(sqlx::Error::Io(error)) => error.to_string(),
        _ => error.to_string(),
    }
}

/// Each wrong value on a line of its own when there are several.
fn list(errors: &ValidationErrors) -> String {
    match errors.as_slice() {
        [one] => one.to_string(),
        many => {
            let lines = many.iter().map(|error| format!("\n  {error}"));
            format!("{} invalid values:{}", many.len(), lines.collect::<String>())
        }
    }
}
