//! The state of one connection.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::clock;

/// The connections of one address.
#[derive(Debug, Default)]
pub(super) struct Address {
    open: AtomicUsize,
    unauthenticated: AtomicUsize,
}

impl Address {
    /// What connections are counted by: an IPv4 address, or the network of an IPv6 address that one
    /// customer usually gets.
    pub(super) fn key(peer: IpAddr) -> IpAddr {
        match peer.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            v4 @ IpAddr::V4(_) => v4,
        }
    }

    pub(super) fn unauthenticated(&self) -> usize {
        self.unauthenticated.load(Relaxed)
    }

    pub(super) fn is_unused(&self) -> bool {
        self.open.load(Relaxed) == 0
    }
}

const UNAUTHENTICATED: u8 = 0;
const AUTHENTICATED: u8 = 1;
const CLOSED: u8 = 2;

/// The state of a connection, which its task updates without a lock.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: IpAddr,
    address: Arc<Address>,
    opened: Instant,
    /// One of the constants below. Each change is one atomic step, so the counts of the address are exact.
    state: AtomicU8,
    /// From the head of a request to the end of its response.
    is_in_request: AtomicBool,
    /// While bytes of a response are buffered.
    is_sending: AtomicBool,
    /// When the last request ended, in milliseconds after `opened`.
    idle_since: AtomicU64,
    /// Ends the task of the connection.
    end: Notify,
}

impl Connection {
    pub(super) fn new(peer: IpAddr, address: Arc<Address>, opened: Instant) -> Self {
        address.open.fetch_add(1, Relaxed);
        address.unauthenticated.fetch_add(1, Relaxed);
        Self {
            peer,
            address,
            opened,
            state: AtomicU8::new(UNAUTHENTICATED),
            is_in_request: AtomicBool::new(false),
            is_sending: AtomicBool::new(false),
            idle_since: AtomicU64::new(0),
            end: Notify::new(),
        }
    }

    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn is_authenticated(&self) -> bool {
        self.state.load(Relaxed) == AUTHENTICATED
    }

    /// Whether a request is being received, handled or answered.
    pub(super) fn is_busy(&self) -> bool {
        self.is_in_request.load(Relaxed) || self.is_sending.load(Relaxed)
    }

    /// When the connection was last used.
    pub(super) fn idle_since(&self) -> Instant {
        self.opened + Duration::from_millis(self.idle_since.load(Relaxed))
    }

    /// A request on the connection had a valid API key.
    pub(crate) fn set_authenticated(&self) {
        if self.changes(UNAUTHENTICATED, AUTHENTICATED) {
            self.address.unauthenticated.fetch_sub(1, Relaxed);
        }
    }

    /// The API key of a request is not valid any more.
    pub(crate) fn set_unauthenticated(&self) {
        if self.changes(AUTHENTICATED, UNAUTHENTICATED) {
            self.address.unauthenticated.fetch_add(1, Relaxed);
        }
    }

    fn changes(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Relaxed, Relaxed).is_ok()
    }

    pub(crate) fn set_sending(&self, is_sending: bool) {
        self.is_sending.store(is_sending, Relaxed);
    }

    pub(super) fn close(&self) {
        self.address.open.fetch_sub(1, Relaxed);
        if self.state.swap(CLOSED, Relaxed) == UNAUTHENTICATED {
            self.address.unauthenticated.fetch_sub(1, Relaxed);
        }
    }

    /// Completes when the connection is to be closed, whatever its client does.
    pub(crate) async fn ended(&self) {
        self.end.notified().await;
    }

    /// Marks the connection as in use until the guard is dropped.
    pub(crate) fn begin_request(self: &Arc<Self>) -> RequestGuard {
        self.is_in_request.store(true, Relaxed);
        RequestGuard(Arc::clone(self))
    }
}

/// Closes a connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionHandle(Arc<Connection>);

impl ConnectionHandle {
    pub(crate) fn new(connection: &Arc<Connection>) -> Self {
        Self(Arc::clone(connection))
    }

    /// Closes the connection, also while its client reads nothing.
    pub(crate) fn close(&self) {
        self.0.end.notify_one();
    }
}

/// A request on a connection.
#[derive(Debug)]
pub(crate) struct RequestGuard(Arc<Connection>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let used = clock::monotonic().saturating_duration_since(self.0.opened).as_millis();
        self.0.idle_since.store(u64::try_from(used).unwrap_or(u64::MAX), Relaxed);
        self.0.is_in_request.store(false, Relaxed);
    }
}
