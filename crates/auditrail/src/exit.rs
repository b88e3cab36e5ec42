//! Exit codes: all of them, and which outcome has which.

use std::process::ExitCode;

use auditrail_store::StoreError;
use auditrail_store::migrate::MigrateError;

use crate::error::Error;

/// What the program tells its caller. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was done.
    Done = 0,
    /// It was not, or not all of it.
    Failed = 1,
    /// It was asked for in a way that cannot be right.
    Usage = 2,
    /// The schema is older than this program needs.
    Pending = 3,
    /// Checksums, order or live schema are not what they should be.
    Unsound = 4,
    /// Somebody else held what this needs for the whole timeout.
    Busy = 5,
    /// There is no database to talk to.
    Unreachable = 6,
    /// Ctrl-C or SIGTERM; 128 and the number of SIGINT, as shells have it.
    Interrupted = 130,
    /// The reader of our output has gone; 128 and the number of SIGPIPE, as shells have it.
    BrokenPipe = 141,
}

impl Exit {
    /// The exit code of an error.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Usage(_) | Error::Invalid(_) | Error::Config(_) => Self::Usage,
            Error::Migrate(error) => Self::of_migrate(error),
            Error::Store(error) => Self::of_store(error),
            Error::Partly { source, .. } => Self::of(source),
            Error::Pending { .. } => Self::Pending,
            Error::Unsound { .. } => Self::Unsound,
            Error::Private(
                local_postgres::Error::Busy { .. } | local_postgres::Error::InUse { .. },
            ) => Self::Busy,
            Error::Private(_) | Error::Unreachable { .. } => Self::Unreachable,
            Error::Interrupted => Self::Interrupted,
            Error::BrokenPipe => Self::BrokenPipe,
            Error::Io { .. } | Error::Failed { .. } => Self::Failed,
        }
    }

    fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Unreachable { .. } => Self::Unreachable,
            StoreError::NotMigrated { .. } => Self::Pending,
            StoreError::Corrupt { .. } | StoreError::CorruptApiKey { .. } => Self::Unsound,
            _ => Self::Failed,
        }
    }

    fn of_migrate(error: &MigrateError) -> Self {
        match error {
            MigrateError::Unreachable { .. } => Self::Unreachable,
            MigrateError::LockBusy { .. } | MigrateError::TableBusy { .. } => Self::Busy,
            MigrateError::Invalid { .. }
            | MigrateError::NoBaseline { .. }
            | MigrateError::NotDescribed { .. } => Self::Unsound,
            MigrateError::NoSuchVersion { .. } => Self::Usage,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
