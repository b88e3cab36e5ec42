//! The requests in flight of each share holder.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Connections;
use crate::share_holder::{AmountByHolder, ShareHolder};

/// Numbers of requests in flight, by share holder. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests(Arc<Mutex<AmountByHolder>>);

impl Requests {
    /// A poisoned lock is fine: no code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, AmountByHolder> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight, until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    requests: Requests,
    holder: ShareHolder,
}

impl Connections {
    /// Counts a request of a holder; `None` if almost all connections are open, and the requests of the holder use
    /// more than half of them.
    pub(crate) fn begin_request_of(&self, holder: &ShareHolder) -> Option<InFlight> {
        let max = self.0.max;
        let is_nearly_full = self.0.tasks.load(Relaxed) >= max - max / 8;
        let mut requests = self.0.requests.lock();
        if is_nearly_full && requests.of(holder) > max / 2 {
            return None;
        }
        requests.add(holder, 1);
        drop(requests);
        Some(InFlight { requests: self.0.requests.clone(), holder: holder.clone() })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.requests.lock().subtract(&self.holder, 1);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn one_holder_does_not_use_all_connections() {
        let connections = Connections::new(8, 8);
        let mut open = Vec::new();
        let (a, b) = (ShareHolder::of_tenant("a"), ShareHolder::of_tenant("b"));
        let mut requests = Vec::new();
        for _ in 0..6 {
            open.push(connections.add(Ipv4Addr::LOCALHOST.into()).await);
            requests.push(connections.begin_request_of(&a).unwrap());
        }
        open.push(connections.add(Ipv4Addr::LOCALHOST.into()).await);
        assert!(connections.begin_request_of(&a).is_none());
        requests.push(connections.begin_request_of(&b).unwrap());
        drop(requests);
        assert!(connections.0.requests.lock().is_empty());
        assert!(connections.begin_request_of(&a).is_some());
    }
}
