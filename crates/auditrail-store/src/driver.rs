//! What an error of the driver means, for the records and the migrations alike.

use sqlx::postgres::PgDatabaseError;

/// Whether the connection is gone, or could not be made, rather than a statement refused.
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
    postgres(error).map(PgDatabaseError::code)
}

/// The error as the server raised it.
pub(crate) fn postgres(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}
