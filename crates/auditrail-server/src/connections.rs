//! The open connections of a listener: how many there may be, and which one is closed to make room.
//!
//! A connection on which no request had a valid API key yet is unauthenticated. Such connections are bounded by
//! address, and are closed before all others. So an attacker without a key cannot keep out callers with one, however
//! many connections it opens. A share holder whose requests use more than half of the connections gets no more when
//! few are left.

mod connection;
mod in_flight;
mod shed;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::clock;
use connection::Address;
pub(crate) use connection::{Connection, ConnectionHandle, RequestGuard};
pub(crate) use in_flight::InFlight;
use in_flight::Requests;
pub(crate) use shed::Reason;
use shed::ShedCounts;

/// Maximum number of connections that are being closed, beyond those that may be open.
const CLOSING_MAX: usize = 8;

/// The open connections of a listener. Clones share them.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: usize,
    unauthenticated_max: usize,
    open: Mutex<Open>,
    /// Connections whose task has not ended, including closed ones.
    tasks: AtomicUsize,
    /// Notified when a connection is closed.
    closed: Notify,
    shed: ShedCounts,
    requests: Requests,
}

#[derive(Debug, Default)]
struct Open {
    connections: HashMap<u64, Entry>,
    addresses: HashMap<IpAddr, Arc<Address>>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    connection: Arc<Connection>,
    /// The task of the connection, once it was started.
    task: Option<AbortHandle>,
}

impl Connections {
    /// At most `max` connections, and at most `unauthenticated_max` unauthenticated ones of one address. IPv6
    /// addresses are counted by their first 64 bits.
    #[must_use]
    pub fn new(max: usize, unauthenticated_max: usize) -> Self {
        Self(Arc::new(Inner {
            max: max.max(1),
            unauthenticated_max: unauthenticated_max.max(1),
            open: Mutex::default(),
            tasks: AtomicUsize::new(0),
            closed: Notify::new(),
            shed: ShedCounts::default(),
            requests: Requests::default(),
        }))
    }

    /// The maximum number of connections.
    pub(crate) fn max(&self) -> usize {
        self.0.max
    }

    /// The number of open connections: all, and the unauthenticated ones among them.
    pub(crate) fn count(&self) -> (usize, usize) {
        let open = self.lock();
        let is_unauthenticated = |entry: &&Entry| !entry.connection.is_authenticated();
        (open.connections.len(), open.connections.values().filter(is_unauthenticated).count())
    }

    /// How many connections were closed to make room, by reason.
    pub(crate) fn shed_counts(&self) -> impl Iterator<Item = (Reason, u64)> {
        self.0.shed.iter()
    }

    /// Adds a connection, and closes another if there are too many. Waits only while all are in use by requests
    /// with valid keys.
    pub(crate) async fn add(&self, peer: IpAddr) -> OpenConnection {
        loop {
            let mut closed = std::pin::pin!(self.0.closed.notified());
            closed.as_mut().enable();
            // Connections that were closed have their file descriptors until their tasks have ended.
            if self.0.tasks.load(Relaxed) < self.0.max + CLOSING_MAX
                && let Some(connection) = self.try_add(peer)
            {
                return connection;
            }
            closed.await;
        }
    }

    fn try_add(&self, peer: IpAddr) -> Option<OpenConnection> {
        let mut open = self.lock();
        let address = Arc::clone(open.addresses.entry(Address::key(peer)).or_default());
        if address.unauthenticated() >= self.0.unauthenticated_max
            && let Some(number) = open.victim_of(&address)
        {
            self.shed(&mut open, number, Reason::Address);
        }
        if open.connections.len() >= self.0.max {
            let Some((number, reason)) = open.victim() else {
                open.forget(Address::key(peer), &address);
                return None;
            };
            self.shed(&mut open, number, reason);
            // It may have been the last one of the same address.
            open.addresses.insert(Address::key(peer), Arc::clone(&address));
        }
        open.next += 1;
        let number = open.next;
        let connection = Arc::new(Connection::new(peer, address, clock::monotonic()));
        let entry = Entry { connection: Arc::clone(&connection), task: None };
        open.connections.insert(number, entry);
        drop(open);
        self.0.tasks.fetch_add(1, Relaxed);
        Some(OpenConnection { connections: self.clone(), connection, number })
    }

    /// Closes some connection, because the process has no free file descriptors.
    pub(crate) fn shed_any(&self) {
        let mut open = self.lock();
        if let Some((number, _)) = open.victim() {
            self.shed(&mut open, number, Reason::Descriptors);
        }
    }

    fn shed(&self, open: &mut Open, number: u64, reason: Reason) {
        if let Some(task) = open.remove(number).and_then(|entry| entry.task) {
            task.abort();
            self.0.shed.add(reason);
        }
    }

    /// A poisoned lock is fine: no code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.connections.remove(&number)?;
        let connection = &entry.connection;
        connection.close();
        self.forget(Address::key(connection.peer()), connection.address());
        Some(entry)
    }

    /// Removes an address without connections.
    fn forget(&mut self, key: IpAddr, address: &Address) {
        if address.is_unused() {
            self.addresses.remove(&key);
        }
    }
}

/// A connection that is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    connections: Connections,
    connection: Arc<Connection>,
    number: u64,
}

impl OpenConnection {
    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Starts the task of the connection with `spawn`. It can be closed to make room from then on.
    pub(crate) fn start(self, spawn: impl FnOnce(Self) -> AbortHandle) {
        let (connections, number) = (self.connections.clone(), self.number);
        let task = spawn(self);
        if let Some(entry) = connections.lock().connections.get_mut(&number) {
            entry.task = Some(task);
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        drop(self.connections.lock().remove(self.number));
        self.connections.0.tasks.fetch_sub(1, Relaxed);
        self.connections.0.closed.notify_one();
    }
}
