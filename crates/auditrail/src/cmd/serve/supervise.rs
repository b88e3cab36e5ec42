//! Restarts a private PostgreSQL that crashes while the service is running.

use std::sync::Arc;
use std::time::Duration;

use auditrail_server::background::{Schedule, Task, TaskError, from_fn};
use sqlx::PgPool;

use crate::database::PrivatePostgres;

/// Interval between health checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A background task that checks the server once a second and restarts it after a crash.
pub(super) fn task(private: Arc<PrivatePostgres>, pool: PgPool) -> impl Task {
    from_fn("private_postgres", Schedule::Every(CHECK_INTERVAL), move || {
        check(Arc::clone(&private), pool.clone())
    })
}

/// # Errors
/// The server crashed and cannot be restarted; the next check tries again.
async fn check(private: Arc<PrivatePostgres>, pool: PgPool) -> Result<(), TaskError> {
    // Acquiring a connection that was idle for the interval pings the server.
    if pool.acquire().await.is_ok() {
        return Ok(());
    }
    if tokio::task::spawn_blocking(move || private.restart_if_crashed()).await?? {
        tracing::warn!("the private PostgreSQL crashed and was restarted");
    }
    Ok(())
}
