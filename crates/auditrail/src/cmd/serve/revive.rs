//! A private PostgreSQL that dies is started again: nobody else would do it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;

use crate::database::Private;

/// How often it is looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Starts the server again whenever it has died, until this future is dropped.
pub(super) async fn keep_up(private: Arc<Private>, pool: PgPool) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // The pool asks a connection that has idled for so long whether it is well.
        if pool.acquire().await.is_ok() {
            continue;
        }
        let private = Arc::clone(&private);
        match tokio::task::spawn_blocking(move || private.revive()).await {
            Ok(Ok(true)) => tracing::warn!("the private PostgreSQL crashed and was restarted"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "the private PostgreSQL crashed and cannot be restarted");
            }
            Err(error) => tracing::error!(%error, "supervision of the private PostgreSQL failed"),
        }
    }
}
