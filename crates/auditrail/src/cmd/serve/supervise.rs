//! Restarts a private PostgreSQL that crashes while the service is running.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;

use crate::database::PrivatePostgres;

/// Interval between health checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Checks the server once a second and restarts it after a crash, until this future is dropped.
pub(super) async fn supervise(private: Arc<PrivatePostgres>, pool: PgPool) {
    loop {
        tokio::time::sleep(CHECK_INTERVAL).await;
        // Acquiring a connection that was idle for the interval pings the server.
        if pool.acquire().await.is_ok() {
            continue;
        }
        let private = Arc::clone(&private);
        match tokio::task::spawn_blocking(move || private.restart_if_crashed()).await {
            Ok(Ok(true)) => tracing::warn!("the private PostgreSQL crashed and was restarted"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "the private PostgreSQL crashed and cannot be restarted");
            }
            Err(error) => {
                tracing::error!(%error, "supervision of the private PostgreSQL failed");
            }
        }
    }
}
