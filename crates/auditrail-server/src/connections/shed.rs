//! Which connection is closed to make room.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::connection::{Address, Connection};
use super::{Entry, Open};

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its address has too many unauthenticated connections.
    Address,
    /// The listener has too many connections, and this one is unauthenticated.
    Unauthenticated,
    /// The listener has too many connections, and this one is idle.
    Idle,
    /// The process has too few file descriptors.
    Descriptors,
}

impl Reason {
    const ALL: [Self; 4] = [Self::Address, Self::Unauthenticated, Self::Idle, Self::Descriptors];

    /// The label of metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Unauthenticated => "unauthenticated",
            Self::Idle => "idle",
            Self::Descriptors => "descriptors",
        }
    }
}

/// Counters by reason.
#[derive(Debug, Default)]
pub(super) struct ShedCounts([AtomicU64; Reason::ALL.len()]);

impl ShedCounts {
    pub(super) fn add(&self, reason: Reason) {
        self.0[reason as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().zip(&self.0).map(|(reason, count)| (reason, count.load(Relaxed)))
    }
}

impl Open {
    /// The connection to close first: an unauthenticated one that waits for a request, of the address with the
    /// most of them, the oldest; then an unauthenticated one with a request; then the authenticated one that
    /// has been idle longest. `None` if all are in use by authenticated requests.
    pub(super) fn victim(&self) -> Option<(u64, Reason)> {
        let unauthenticated = self.unauthenticated().min_by_key(|(number, connection)| {
            let of_address = connection.address().unauthenticated();
            (connection.is_busy(), Reverse(of_address), **number)
        });
        let idle = || {
            let idle = self.started().filter(|(_, connection)| !connection.is_busy());
            idle.min_by_key(|(_, connection)| connection.idle_since())
        };
        match unauthenticated {
            Some((number, _)) => Some((*number, Reason::Unauthenticated)),
            None => idle().map(|(number, _)| (*number, Reason::Idle)),
        }
    }

    /// As [`victim`](Self::victim), among the unauthenticated connections of an address.
    pub(super) fn victim_of(&self, address: &Address) -> Option<u64> {
        let of_address = self
            .unauthenticated()
            .filter(|(_, connection)| std::ptr::eq(connection.address(), address));
        of_address
            .min_by_key(|(number, connection)| (connection.is_busy(), **number))
            .map(|(number, _)| *number)
    }

    fn unauthenticated(&self) -> impl Iterator<Item = (&u64, &Connection)> {
        self.started().filter(|(_, connection)| !connection.is_authenticated())
    }

    fn started(&self) -> impl Iterator<Item = (&u64, &Connection)> {
        let started = self.connections.iter().filter(|(_, Entry { task, .. })| task.is_some());
        started.map(|(number, entry)| (number, &*entry.connection))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::{Connections, OpenConnection};
    use super::*;

    /// Adds a connection whose task only waits.
    fn add(connections: &Connections, peer: &str) -> Option<(u64, std::sync::Arc<Connection>)> {
        let peer: IpAddr = peer.parse().unwrap();
        let open = connections.try_add(peer)?;
        let (number, connection) = (open.number, std::sync::Arc::clone(open.connection()));
        open.start(|open: OpenConnection| {
            tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(open);
            })
            .abort_handle()
        });
        Some((number, connection))
    }

    fn is_open(connections: &Connections, number: u64) -> bool {
        connections.lock().connections.contains_key(&number)
    }

    #[tokio::test]
    async fn the_address_with_most_connections_gives_way_first() {
        let connections = Connections::new(4, 10);
        let [a, b1, b2, c] =
            ["10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3"].map(|p| add(&connections, p).unwrap());
        add(&connections, "10.0.0.4").unwrap();
        assert!(!is_open(&connections, b1.0));
        let _busy = a.1.begin_request();
        add(&connections, "10.0.0.4").unwrap();
        assert!(is_open(&connections, a.0) && is_open(&connections, c.0));
        assert!(!is_open(&connections, b2.0));
        assert_eq!(connections.count(), (4, 4));
        assert_eq!(b2.1.address().unauthenticated(), 0);
    }

    #[tokio::test]
    async fn authenticated_connections_are_closed_last_and_only_when_idle() {
        let connections = Connections::new(3, 10);
        let [busy, idle, other] = [(); 3].map(|()| add(&connections, "10.0.0.1").unwrap());
        let _requests = [&busy, &idle].map(|(_, connection)| {
            connection.set_authenticated();
            connection.begin_request()
        });
        let [_request, ended] = _requests;
        drop(ended);
        let (new, connection) = add(&connections, "10.0.0.2").unwrap();
        assert!(!is_open(&connections, other.0));
        connection.set_authenticated();
        let _new = connection.begin_request();
        add(&connections, "10.0.0.2").unwrap().1.set_authenticated();
        assert!(!is_open(&connections, idle.0) && is_open(&connections, new));
        let (_, last) = add(&connections, "10.0.0.2").unwrap();
        last.set_authenticated();
        let _last = last.begin_request();
        assert!(add(&connections, "10.0.0.2").is_none());
        let shed: Vec<_> = connections.shed_counts().map(|(_, count)| count).collect();
        assert_eq!(shed, [0, 1, 2, 0]);
    }

    #[tokio::test]
    async fn unauthenticated_connections_are_bounded_by_address() {
        let connections = Connections::new(100, 2);
        let first = add(&connections, "2001:db8::1").unwrap();
        for peer in ["2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"] {
            add(&connections, peer).unwrap();
        }
        assert!(!is_open(&connections, first.0));
        assert_eq!(connections.count(), (3, 3));
        assert_eq!(connections.lock().addresses.len(), 2);
    }
}
