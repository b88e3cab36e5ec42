//! The newest records of the sequence in memory, for all requests that follow the log.
//!
//! One task reads each new record once, however many listeners there are, and only while there are any. It keeps
//! a bounded number of records; a listener that is further behind reads from the database by itself. Listeners
//! have shares, so that no holder can use up those of the others.

mod encoding;
mod reader;
mod ring;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auditrail_core::FeedPosition;
use auditrail_store::PgAuditLog;
use axum::http::StatusCode;
use tokio::sync::watch;

use crate::connections::ConnectionHandle;
use crate::database_shares::DatabaseShares;
use crate::limits::{RETRY_EXPORT, RETRY_SOON, TAIL_SHUTDOWN};
use crate::problem::Problem;
use crate::share_holder::ShareHolder;
use crate::shares::{NoShare, Share, Shares};
use crate::telemetry::metrics::{Metrics, OpenTail, SharedResource};
pub(crate) use encoding::record_event;
use ring::Ring;
pub(crate) use ring::{Newest, RingItem};

/// The listeners of the log. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Tails(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: TailSource,
    shares: Shares,
    metrics: Metrics,
    state: Mutex<State>,
    /// The end of the ring.
    head: watch::Sender<Head>,
}

/// Where new records are read.
#[derive(Clone, Debug)]
pub(crate) struct TailSource {
    pub(crate) log: PgAuditLog,
    pub(crate) database_shares: Arc<DatabaseShares>,
    /// Changes when the sequencer of this process has sequenced records, which ends a pause of the reader.
    pub(crate) next_seq: watch::Receiver<i64>,
}

#[derive(Debug, Default)]
struct State {
    ring: Ring,
    listeners: usize,
    is_reading: bool,
    next_number: u64,
    /// The connections of the listeners, which are closed if they do not end at shutdown.
    connections: HashMap<u64, ConnectionHandle>,
}

/// What the reader has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The last record that was read; none until the reader has started.
    pub(crate) position: Option<FeedPosition>,
    /// Incremented when the log turned out to have another history, so that earlier positions are unknown.
    pub(crate) history: u64,
}

impl Tails {
    /// At most `max` listeners, and half of them for one holder.
    pub(crate) fn new(max: usize, source: TailSource, metrics: Metrics) -> Self {
        Self(Arc::new(Inner {
            source,
            shares: Shares::new(max, max.div_ceil(2), Duration::ZERO),
            metrics,
            state: Mutex::default(),
            head: watch::Sender::default(),
        }))
    }

    /// Adds a listener, and starts the reader for the first one.
    ///
    /// # Errors
    /// The holder, or all together, have as many as they may.
    pub(crate) fn listen(
        &self,
        holder: &ShareHolder,
        connection: Option<ConnectionHandle>,
    ) -> Result<Listening, Problem> {
        let share = self.0.shares.try_take(holder).map_err(|missing| {
            self.0.metrics.count_refused_share(SharedResource::Tails);
            too_many_tails(missing)
        })?;
        let mut state = self.lock();
        state.listeners += 1;
        state.next_number += 1;
        let number = state.next_number;
        if let Some(connection) = connection {
            state.connections.insert(number, connection);
        }
        if !state.is_reading {
            state.is_reading = true;
            self.0.head.send_modify(|head| head.position = None);
            tokio::spawn(reader::run(self.clone()));
        }
        drop(state);
        let open = self.0.metrics.tails().begin();
        Ok(Listening { tails: self.clone(), number, _share: share, _open: open })
    }

    /// Closes the connections of listeners that have not ended some time after the shutdown began: those of
    /// clients that do not read.
    pub(crate) async fn close_at_shutdown(self, begun: impl Future<Output = ()>) {
        begun.await;
        tokio::time::sleep(TAIL_SHUTDOWN).await;
        for connection in self.lock().connections.values() {
            connection.close();
        }
    }

    /// A poisoned lock is fine: no code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listener, until it is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    tails: Tails,
    number: u64,
    _share: Share,
    _open: OpenTail,
}

impl Listening {
    /// Changes of the head.
    pub(crate) fn head(&self) -> watch::Receiver<Head> {
        self.tails.0.head.subscribe()
    }

    /// The position with this seq, if its record is in memory.
    pub(crate) fn position(&self, seq: i64) -> Option<FeedPosition> {
        self.tails.lock().ring.position(seq)
    }

    /// Records after a position, if they are in memory.
    pub(crate) fn newest_after(&self, seq: i64) -> Newest {
        self.tails.lock().ring.after(seq)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut state = self.tails.lock();
        state.listeners -= 1;
        state.connections.remove(&self.number);
    }
}

fn too_many_tails(missing: NoShare) -> Problem {
    let (status, detail, after) = match missing {
        NoShare::OfHolder => (
            StatusCode::TOO_MANY_REQUESTS,
            "this API key, or the API keys of its tenant together, follow the log as often as they may at once; \
             end another tail, or retry later",
            RETRY_EXPORT,
        ),
        NoShare::OfResource => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the service has as many tails as it may have at once; retry after the time in Retry-After, at \
             another server if there is one",
            RETRY_SOON,
        ),
    };
    Problem::new(status, "too_many_tails", "Too many tails", detail).retry_after(after)
}
