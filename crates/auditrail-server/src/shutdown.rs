//! Whether the service is about to end.

use std::time::Duration;

use tokio::sync::watch;

/// Whether the service is about to end; clones tell of the same service.
///
/// Whoever receives the signal calls [`begin`](Self::begin). From then on `/readyz` says no, so that
/// load balancers send nothing more, and [`begun`](Self::begun), which [`serve`](crate::serve) is
/// given, completes.
#[derive(Clone, Debug)]
pub struct ShuttingDown(watch::Sender<bool>);

impl Default for ShuttingDown {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl ShuttingDown {
    /// Begins the shutdown. There is no way back.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it begins, and then for as long as load balancers need to take notice
    /// ([`ServerConfig::shutdown_delay`](crate::ServerConfig::shutdown_delay)).
    pub fn begun(&self, delay: Duration) -> impl Future<Output = ()> + Send + 'static {
        let told = self.0.clone();
        async move {
            // The sender is in hand, so the wait cannot end for want of one.
            drop(told.subscribe().wait_for(|begun| *begun).await);
            tokio::time::sleep(delay).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_hears_of_the_shutdown_also_later() {
        let ours = ShuttingDown::default();
        let (theirs, waiting) = (ours.clone(), tokio::spawn(ours.begun(Duration::ZERO)));
        assert!(!theirs.has_begun());
        theirs.begin();
        waiting.await.unwrap();
        ours.begun(Duration::ZERO).await;
        assert!(ours.has_begun());
    }
}
