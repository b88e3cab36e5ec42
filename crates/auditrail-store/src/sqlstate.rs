//! Classifies the errors of both drivers.

use std::borrow::Cow;
use std::fmt;

use pg_pipeline::{Failed, ServerError};
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::PgDatabaseError;

/// Whether the connection was lost or could not be established.
pub(crate) fn is_connection_loss(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(e) => e.code().is_some_and(|code| {
            // Class 08: connection exceptions. 57P01 to 57P05: shut down, crashed, starting up,
            // database dropped, idle for too long. 53300: too many connections.
            ["08", "57P0"].iter().any(|class| code.starts_with(class)) || code == "53300"
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// The SQLSTATE of an error the server raised.
pub(crate) fn sqlstate(error: &sqlx::Error) -> Option<&str> {
    match error.as_database_error()?.code()? {
        Cow::Borrowed(code) => Some(code),
        Cow::Owned(_) => None,
    }
}

/// Whether a lock timeout expired, or a deadlock was resolved against this transaction.
pub(crate) fn is_lock_failure(error: &sqlx::Error) -> bool {
    matches!(sqlstate(error), Some("55P03" | "40P01"))
}

/// The function in the source of the server that raised an error.
pub(crate) fn routine(error: &sqlx::Error) -> Option<&str> {
    let error = error.as_database_error()?;
    match error.try_downcast_ref::<PipelineError>() {
        Some(error) => error.0.routine.as_deref(),
        None => error.try_downcast_ref::<PgDatabaseError>()?.routine(),
    }
}

/// The error of a connection of sqlx.
pub(crate) fn postgres(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

/// Converts an error of `pg_pipeline` to one of sqlx, the source type of all errors of this crate.
pub(crate) fn from_pipeline(failed: Failed) -> sqlx::Error {
    from_pipeline_error(failed.error)
}

/// As [`from_pipeline`], for a connection attempt.
pub(crate) fn from_pipeline_error(error: pg_pipeline::Error) -> sqlx::Error {
    match error {
        pg_pipeline::Error::Io(error) => sqlx::Error::Io(error),
        pg_pipeline::Error::Server(error) => sqlx::Error::Database(Box::new(PipelineError(*error))),
        error @ pg_pipeline::Error::Tls(_) => sqlx::Error::Tls(error.into()),
        error => sqlx::Error::Protocol(error.to_string()),
    }
}

/// A code in place of a SQLSTATE, which has five characters.
pub(crate) const KEY_CHANGED: &str = "key_changed";

/// The error of a read whose API key was revoked or changed.
pub(crate) fn key_changed() -> sqlx::Error {
    sqlx::Error::Database(Box::new(PipelineError(ServerError {
        code: KEY_CHANGED.to_owned(),
        message: "the API key was revoked or changed".to_owned(),
        ..ServerError::default()
    })))
}

/// An error of the server, from a connection of `pg_pipeline`.
#[derive(Debug)]
struct PipelineError(ServerError);

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for PipelineError {}

impl DatabaseError for PipelineError {
    fn message(&self) -> &str {
        &self.0.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.0.code))
    }

    fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    fn table(&self) -> Option<&str> {
        self.0.table.as_deref()
    }

    fn kind(&self) -> ErrorKind {
        match self.0.code.as_str() {
            "23505" => ErrorKind::UniqueViolation,
            "23503" => ErrorKind::ForeignKeyViolation,
            "23502" => ErrorKind::NotNullViolation,
            "23514" => ErrorKind::CheckViolation,
            _ => ErrorKind::Other,
        }
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }
}
