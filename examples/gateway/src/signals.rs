//! When to end.

use tokio::signal::unix::{SignalKind, signal};

/// Returns with SIGTERM or Ctrl-C. Where the system does not let us hear of them, never.
pub async fn told_to_end() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
