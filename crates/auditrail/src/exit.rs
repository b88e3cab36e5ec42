//! All exit codes, and the mapping from errors to them.

use std::process::ExitCode;

use auditrail_store::archive::{ArchiveError, RestoreError};
use auditrail_store::migrate::MigrateError;
use auditrail_store::partitions::PartitionError;
use auditrail_store::{RetentionError, StoreError};
use auditrail_witness::{LockError, OpenError};

use crate::error::Error;

/// Exit codes. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Success.
    Success = 0,
    /// Failure, possibly partial.
    Failure = 1,
    /// Invalid arguments or configuration.
    Usage = 2,
    /// The schema is older than this program requires.
    Pending = 3,
    /// Checksums, order or live schema are not as expected.
    VerificationFailed = 4,
    /// A lock was not available within its timeout.
    LockTimeout = 5,
    /// The database cannot be reached.
    Unreachable = 6,
    /// Ctrl-C or SIGTERM: 128 plus the number of SIGINT, as in shells.
    Interrupted = 130,
    /// The reader of the output closed the pipe: 128 plus the number of SIGPIPE, as in shells.
    BrokenPipe = 141,
}

impl Exit {
    /// The exit code of an error.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Usage(_) | Error::Invalid(_) | Error::Config(_) => Self::Usage,
            Error::Migrate(error) => Self::of_migrate(error),
            Error::Partition(error) => Self::of_partition(error),
            Error::Store(error) => Self::of_store(error),
            Error::Retention(
                RetentionError::Store(error) | RetentionError::Unacknowledged { source: error },
            )
            | Error::Restore(RestoreError::Store(error)) => Self::of_store(error),
            Error::Retention(RetentionError::Busy) => Self::LockTimeout,
            Error::Retention(RetentionError::UnexpectedCount { .. })
            | Error::Archive(ArchiveError::Invalid { .. })
            | Error::Restore(
                RestoreError::Archive(ArchiveError::Invalid { .. }) | RestoreError::Differs { .. },
            ) => Self::VerificationFailed,
            Error::Signer(error) if error.is_contradiction() => Self::VerificationFailed,
            Error::Signer(_) | Error::Retention(_) | Error::Archive(_) | Error::Restore(_) => {
                Self::Failure
            }
            Error::Witness(OpenError::Directory(LockError::InUse { .. })) => Self::LockTimeout,
            Error::Witness(OpenError::Directory(_)) => Self::Failure,
            Error::Witness(_) => Self::Usage,
            Error::Partial { source, .. } => Self::of(source),
            Error::Pending { .. } => Self::Pending,
            Error::VerificationFailed { .. } => Self::VerificationFailed,
            Error::PrivatePostgres(
                local_postgres::Error::Busy { .. } | local_postgres::Error::InUse { .. },
            ) => Self::LockTimeout,
            Error::PrivatePostgres(_) | Error::Unreachable { .. } => Self::Unreachable,
            Error::Interrupted => Self::Interrupted,
            Error::BrokenPipe => Self::BrokenPipe,
            Error::Io { .. } | Error::Failed { .. } => Self::Failure,
        }
    }

    fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Unreachable { .. } => Self::Unreachable,
            StoreError::NotMigrated { .. } => Self::Pending,
            StoreError::Corrupt { .. }
            | StoreError::DamagedTree { .. }
            | StoreError::AlteredRecord { .. }
            | StoreError::CorruptApiKey { .. }
            | StoreError::CorruptRule { .. } => Self::VerificationFailed,
            _ => Self::Failure,
        }
    }

    fn of_partition(error: &PartitionError) -> Self {
        match error {
            PartitionError::Unreachable { .. } => Self::Unreachable,
            PartitionError::AnotherProcess | PartitionError::Busy { .. } => Self::LockTimeout,
            PartitionError::NotMigrated => Self::Pending,
            _ => Self::Failure,
        }
    }

    fn of_migrate(error: &MigrateError) -> Self {
        match error {
            MigrateError::Unreachable { .. } => Self::Unreachable,
            MigrateError::LockBusy { .. } | MigrateError::TableBusy { .. } => Self::LockTimeout,
            MigrateError::Invalid { .. }
            | MigrateError::NoBaseline { .. }
            | MigrateError::NotDescribed { .. } => Self::VerificationFailed,
            MigrateError::NoSuchVersion { .. } => Self::Usage,
            _ => Self::Failure,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
