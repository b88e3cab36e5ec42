//! Shutdown state of the service.

use std::time::Duration;

use tokio::sync::watch;

/// Shutdown state of the service; clones share it.
///
/// A signal handler calls [`begin`](Self::begin). From then on `/readyz` fails, so that load balancers stop
/// sending requests, and the future [`begun`](Self::begun), which is passed to [`serve`](crate::serve),
/// completes after a delay.
#[derive(Clone, Debug)]
pub struct ShuttingDown(watch::Sender<bool>);

impl Default for ShuttingDown {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl ShuttingDown {
    /// Begins the shutdown. It cannot be reverted.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether the shutdown has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the shutdown begins, and then for the time that load balancers need to notice
    /// ([`ServerConfig::shutdown_delay`](crate::ServerConfig::shutdown_delay)).
    pub fn begun(&self, delay: Duration) -> impl Future<Output = ()> + Send + 'static {
        let sender = self.0.clone();
        async move {
            // The sender is alive, so waiting cannot fail.
            drop(sender.subscribe().wait_for(|begun| *begun).await);
            tokio::time::sleep(delay).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_observes_the_shutdown() {
        let ours = ShuttingDown::default();
        let theirs = ours.clone();
        let waiting = tokio::spawn(ours.begun(Duration::ZERO));
        assert!(!theirs.has_begun());
        theirs.begin();
        waiting.await.unwrap();
        ours.begun(Duration::ZERO).await;
        assert!(ours.has_begun());
    }
}
