//! Errors of commands, each with a code for scripts and a hint for people.

use std::io;
use std::path::{Path, PathBuf};

use auditrail_core::ValidationErrors;
use auditrail_signer::SignerError;
use auditrail_store::archive::{ArchiveError, RestoreError};
use auditrail_store::migrate::MigrateError;
use auditrail_store::partitions::PartitionError;
use auditrail_store::{RetentionError, StoreError};
use auditrail_witness::{LockError, OpenError};

use crate::config::ConfigError;

/// An error of a command. [`Exit::of`](crate::exit::Exit::of) gives its exit code, [`Error::hint`]
/// the next step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Invalid combination of arguments.
    #[error("{0}")]
    Usage(String),
    /// Invalid values of arguments; lists all of them.
    #[error("{}", list(.0))]
    Invalid(ValidationErrors),
    /// Invalid configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The migration runner failed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The maintenance of partitions failed.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The store rejected the operation or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A run of retention failed. What it removed before is recorded.
    #[error(transparent)]
    Retention(#[from] RetentionError),
    /// The key that signs checkpoints cannot be used, or does not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// An archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// An archive was not restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A witness cannot start.
    #[error(transparent)]
    Witness(#[from] OpenError),
    /// The command failed after part of its work was committed.
    #[error("{detail}")]
    Partial {
        /// The committed part.
        detail: String,
        /// Why the command failed.
        source: Box<Error>,
    },
    /// The private PostgreSQL cannot be found, created, started or stopped.
    #[error("the private PostgreSQL is unavailable")]
    PrivatePostgres(#[from] local_postgres::Error),
    /// The database is unreachable, or the connection was lost.
    #[error("{doing}")]
    Unreachable {
        /// The failed operation and the database, without its password.
        doing: String,
        /// The error of the driver or the store.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The schema is older than this program needs.
    #[error("{detail}")]
    Pending {
        /// What is missing.
        detail: String,
    },
    /// A check found differences, which have been printed.
    #[error("{detail}")]
    VerificationFailed {
        /// The result, in one sentence.
        detail: String,
    },
    /// Reading or writing a file failed.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The operation, after "cannot".
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Any other failure.
    #[error("{detail}")]
    Failed {
        /// Stable identifier for scripts.
        code: &'static str,
        detail: String,
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
        hint: Option<&'static str>,
    },
    /// Ctrl-C or SIGTERM.
    #[error("interrupted")]
    Interrupted,
    /// The reader of the output closed the pipe. Not printed.
    #[error("broken pipe")]
    BrokenPipe,
}

impl Error {
    /// A failure without a cause or a hint.
    pub(crate) fn failed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Failed { code, detail: detail.into(), source: None, hint: None }
    }

    /// An output file exists and must not be overwritten.
    pub(crate) fn exists(path: &Path, hint: &'static str) -> Self {
        Self::Failed {
            code: "file_exists",
            detail: format!("{} already exists", path.display()),
            source: None,
            hint: Some(hint),
        }
    }

    /// For `map_err`: an I/O error of the file at `path`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Io { doing, path, source },
        }
    }

    /// For `map_err`: an I/O error of starting the process.
    pub(crate) fn startup(detail: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Failed {
            code: "runtime",
            detail: detail.to_owned(),
            source: Some(source.into()),
            hint: None,
        }
    }

    /// For `map_err`: an I/O error of stdout.
    pub(crate) fn stdout(source: io::Error) -> Self {
        Self::io("write to", Path::new("stdout"))(source)
    }

    /// Stable identifier for scripts.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Invalid(_) => "invalid_value",
            Self::Config(_) => "configuration",
            Self::Migrate(error) => error.code(),
            Self::Partition(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Retention(error) => error.code(),
            Self::Archive(error) => error.code(),
            Self::Signer(error) if error.is_contradiction() => "log_contradicted",
            Self::Signer(_) => "signing_key",
            Self::Restore(error) => error.code(),
            Self::Witness(OpenError::Directory(LockError::InUse { .. })) => "state_in_use",
            Self::Witness(OpenError::Directory(_)) => "state_directory",
            Self::Witness(_) => "bad_key",
            Self::Partial { source, .. } => source.code(),
            Self::PrivatePostgres(_) => "private_postgres",
            Self::Unreachable { .. } => "database_unreachable",
            Self::Pending { .. } => "migrations_pending",
            Self::VerificationFailed { .. } => "verification_failed",
            Self::Io { .. } => "io",
            Self::Failed { code, .. } => code,
            Self::Interrupted => "interrupted",
            Self::BrokenPipe => "broken_pipe",
        }
    }

    /// The next step, unless the message already contains it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Usage(_) | Self::Invalid(_) => Some("see `--help` for examples"),
            Self::Pending { .. } => Some("run `auditrail migrate`"),
            Self::Unreachable { .. }
            | Self::Store(StoreError::Unreachable { .. })
            | Self::Partition(PartitionError::Unreachable { .. })
            | Self::Migrate(MigrateError::Unreachable { .. }) => Some(
                "check that the server is running, and the database URL (--database-url, \
                 DATABASE_URL, .env, auditrail.toml); without one, a private PostgreSQL is used",
            ),
            Self::Migrate(MigrateError::LockBusy { .. } | MigrateError::TableBusy { .. }) => {
                Some("retry, or set a longer --lock-timeout")
            }
            Self::Partial { .. } => Some(
                "run the same command again to go on: records that are present are not written twice",
            ),
            Self::PrivatePostgres(local_postgres::Error::NotFound { .. }) => Some(
                "name that directory with --pg-bin (AUDITRAIL_PG_BIN), or a server of your own with \
                 DATABASE_URL",
            ),
            Self::Signer(SignerError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Some("`auditrail log-key create` makes a signing key")
            }
            Self::Failed { hint, .. } => *hint,
            _ => None,
        }
    }

    /// The message and its chain of causes, outermost first.
    pub(crate) fn chain(&self) -> Vec<String> {
        let mut texts = vec![self.to_string()];
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            let text = message(error);
            // Some libraries include the message of the source in their own.
            if texts.last().is_some_and(|last| !last.contains(&text)) {
                texts.push(text);
            }
            // The source of a database error repeats it, with a line of the server's source code.
            let from_server = matches!(error.downcast_ref(), Some(sqlx::Error::Database(_)));
            source = error.source().filter(|_| !from_server);
        }
        texts
    }
}

/// The message of an error; of a database error without the driver's additions, such as a line of the
/// server's source code.
fn message(error: &(dyn std::error::Error + 'static)) -> String {
    match error.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(error)) => match error.code() {
            Some(code) => format!("{} (SQLSTATE {code})", error.message()),
            None => error.message().to_owned(),
        },
        Some(sqlx::Error::Io(error)) => error.to_string(),
        _ => error.to_string(),
    }
}

/// One error inline, several as one line each.
fn list(errors: &ValidationErrors) -> String {
    match errors.as_slice() {
        [one] => one.to_string(),
        many => {
            let lines = many.iter().map(|error| format!("\n  {error}"));
            format!("{} invalid values:{}", many.len(), lines.collect::<String>())
        }
    }
}
