//! A worker: one connection that writes one group after the other, with retries.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use auditrail_core::Backoff;
use pg_pipeline::{Connection, Options};
use tokio::time::{Instant, sleep, timeout};

use super::classify::{Attempt, Verdict};
use super::error::WriteError;
use super::fault::Fault;
use super::group::{self, Written};
use super::limits::{CONNECT_TIMEOUT, WriterLimits};
use super::queue::{Pending, Queue};
use crate::clock;
use crate::connect::connect;
use crate::error::StoreError;
use crate::key_version::{self, ApiKeyVersion};
use crate::records::write::copy_in;

/// The pauses from the second consecutive failure on. The first failure is retried at once, because an
/// idle connection may have been lost long ago. A recovered server is used within a second.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));

/// Writes one group after the other over its connection.
#[derive(Debug)]
pub(super) struct Worker {
    queue: Arc<Queue>,
    options: Options,
    timeout: Duration,
    /// `None` before the first group and after a failure.
    db: Option<Connection>,
    copy_refused: bool,
    /// Consecutive failures of the database.
    failures: u32,
}

/// A failed attempt.
struct Failed {
    error: StoreError,
    fault: Fault,
}

impl Worker {
    pub(super) fn new(queue: Arc<Queue>, options: Options, limits: &WriterLimits) -> Self {
        queue.worker_started();
        Self {
            queue,
            options,
            timeout: limits.response_timeout(),
            db: None,
            copy_refused: false,
            failures: 0,
        }
    }

    /// Writes until the queue is closed and empty.
    pub(super) async fn run(mut self) {
        while let Some(group) = self.next_group().await {
            self.serve(group).await;
        }
        if let Some(db) = self.db.take() {
            // Everything is committed, so an error while closing has no consequence.
            drop(db.close().await);
        }
    }

    /// Waits for work. While the database is not known to accept writes, the worker probes it: the first
    /// caller should not wait for a connection, and the end of an outage must be detected without callers,
    /// which may be absent because of the outage.
    async fn next_group(&mut self) -> Option<Vec<Pending>> {
        while self.db.is_none() || self.failures > 0 {
            tokio::select! {
                biased;
                group = self.queue.next_group() => return group,
                () = self.pause() => {}
            }
            match self.probe().await {
                Ok(()) => self.note_success(),
                Err(error) => self.note_outage(error),
            }
        }
        self.queue.next_group().await
    }

    /// Checks that the database accepts writes, by a COPY without rows: it needs the table, the
    /// privileges and a server that is not read-only, and changes nothing.
    async fn probe(&mut self) -> Result<(), StoreError> {
        let mut db = self.take_connection().await?;
        timeout(self.timeout, copy_in(&mut db, std::iter::empty(), &[]))
            .await
            .unwrap_or_else(|_| Err(no_response()))?;
        self.db = Some(db);
        Ok(())
    }

    /// Completes every request of a group whose caller still waits.
    ///
    /// Retries go to the end of the queue, and while a single request waits for a lock, newer requests are
    /// written first.
    async fn serve(&mut self, group: Vec<Pending>) {
        let mut parts = VecDeque::from([group]);
        while let Some(part) = parts.pop_front() {
            let mut part = self.without_abandoned(part);
            if part.is_empty() {
                continue;
            }
            let connected = self.reconnect().await;
            if connected.is_ok() {
                // Connecting may have taken until the deadline of a caller, who was then answered.
                part = self.without_abandoned(part);
                if part.is_empty() {
                    continue;
                }
            }
            let start = Instant::now();
            let outcome = match connected {
                Ok(()) => self.attempt(&part).await,
                Err(error) => Err(Failed { error, fault: Fault::Outage }),
            };
            match outcome {
                Ok(Written::Committed { verdicts, by_insert, .. }) => {
                    self.acknowledge(part, verdicts, by_insert, start.elapsed());
                }
                Ok(Written::KeyChanged) => match self.refuse_changed_keys(part).await {
                    Ok(rest) => parts.push_front(rest),
                    Err((part, error)) => {
                        parts.push_front(part);
                        self.note_outage(error);
                        self.pause().await;
                    }
                },
                Err(Failed { error, fault }) => match fault {
                    Fault::Record | Fault::Contention if part.len() > 1 => {
                        self.queue.with_stats(|stats| stats.splits += 1);
                        if fault == Fault::Contention {
                            self.note_outage(error);
                        }
                        parts.push_front(part.split_off(part.len() / 2));
                        parts.push_front(part);
                    }
                    Fault::Record => self.refuse(part, error),
                    Fault::Contention | Fault::Outage => {
                        if matches!(error, StoreError::Unreachable { .. }) {
                            part.iter_mut().for_each(|pending| pending.sent = true);
                        }
                        parts.push_back(part);
                        self.note_outage(error);
                        self.pause().await;
                        if fault == Fault::Contention {
                            parts.push_front(self.queue.take_group());
                        }
                    }
                },
            }
        }
    }

    /// Completes the requests without a caller, and returns the others.
    fn without_abandoned(&self, part: Vec<Pending>) -> Vec<Pending> {
        let (abandoned, part): (Vec<_>, Vec<_>) = part.into_iter().partition(Pending::is_abandoned);
        self.queue.done(&abandoned);
        part
    }

    /// Connects if there is no connection.
    async fn reconnect(&mut self) -> Result<(), StoreError> {
        let db = self.take_connection().await?;
        self.db = Some(db);
        Ok(())
    }

    /// One attempt to write a group, over a new connection if there is none.
    async fn attempt(&mut self, part: &[Pending]) -> Result<Written, Failed> {
        let mut db =
            self.take_connection().await.map_err(|error| Failed { error, fault: Fault::Outage })?;
        let attempts: Vec<Attempt<'_>> =
            part.iter().map(|p| Attempt { request: &p.request, sent: p.sent }).collect();
        let write = group::write(&mut db, &attempts, self.copy_refused);
        match timeout(self.timeout, write).await.unwrap_or_else(|_| Err(no_response())) {
            Ok(written) => {
                if let Written::Committed { copy_refused, .. } = &written {
                    self.copy_refused = *copy_refused;
                }
                self.keep(db);
                Ok(written)
            }
            Err(error) => {
                let fault = Fault::of(&error);
                // An outage requires a new session: after a failover the old one may be connected to a
                // server that is read-only now.
                if fault != Fault::Outage {
                    self.keep(db);
                }
                Err(Failed { error, fault })
            }
        }
    }

    /// The connection, or a new one. [`keep`](Self::keep) puts it back when it is usable.
    async fn take_connection(&mut self) -> Result<Connection, StoreError> {
        if let Some(db) = self.db.take() {
            return Ok(db);
        }
        self.copy_refused = false;
        connect(&self.options, CONNECT_TIMEOUT)
            .await
            .map_err(StoreError::while_trying_to("connect"))
    }

    /// Keeps a connection for the next group if it is usable.
    fn keep(&mut self, db: Connection) {
        self.db = Some(db).filter(Connection::is_usable);
    }

    fn acknowledge(
        &mut self,
        part: Vec<Pending>,
        verdicts: Vec<Verdict>,
        by_insert: bool,
        took: Duration,
    ) {
        self.note_success();
        self.queue.with_stats(|stats| {
            stats.commits += 1;
            stats.fallbacks += u64::from(by_insert);
            stats.last_commit = Some(took);
            stats.commit_seconds.add(took.as_secs_f64());
            stats.commit_records.add(records_of(&part));
            for verdict in &verdicts {
                match verdict {
                    Ok(outcome) => {
                        stats.created += outcome.created.len() as u64;
                        stats.duplicates += outcome.duplicates.len() as u64;
                        stats.conflicts += outcome.conflicts.len() as u64;
                    }
                    Err(conflicts) => stats.conflicts += conflicts.len() as u64,
                }
            }
        });
        self.queue.committed();
        self.queue.done(&part);
        for (pending, verdict) in part.into_iter().zip(verdicts) {
            pending.answer(verdict.map_err(|conflicts| WriteError::Conflict { conflicts }));
        }
    }

    /// Refuses the requests whose API keys have changed, and returns the others.
    async fn refuse_changed_keys(
        &mut self,
        part: Vec<Pending>,
    ) -> Result<Vec<Pending>, (Vec<Pending>, StoreError)> {
        let keys: Vec<ApiKeyVersion> =
            part.iter().filter_map(|pending| pending.request.key).collect();
        let current = match self.current_keys(&keys).await {
            Ok(current) => current,
            Err(error) => return Err((part, error)),
        };
        self.note_success();
        let is_current =
            |pending: &Pending| pending.request.key.is_none_or(|key| current.contains(&key));
        let (rest, changed): (Vec<_>, Vec<_>) = part.into_iter().partition(is_current);
        self.queue.done(&changed);
        for pending in changed {
            pending.answer(Err(WriteError::KeyChanged));
        }
        Ok(rest)
    }

    async fn current_keys(
        &mut self,
        keys: &[ApiKeyVersion],
    ) -> Result<Vec<ApiKeyVersion>, StoreError> {
        let mut db = self.take_connection().await?;
        let current = timeout(self.timeout, key_version::current(&mut db, keys))
            .await
            .unwrap_or_else(|_| Err(no_response()))?;
        self.keep(db);
        Ok(current)
    }

    /// Fails the single request whose record the database rejected.
    fn refuse(&mut self, part: Vec<Pending>, error: StoreError) {
        self.note_success();
        self.queue.with_stats(|stats| stats.refused += 1);
        self.queue.done(&part);
        let mut error = Some(error);
        for pending in part {
            if let Some(source) = error.take() {
                pending.answer(Err(WriteError::Refused { source }));
            }
        }
    }

    fn note_success(&mut self) {
        self.failures = 0;
        self.queue.with_stats(|stats| stats.outage = None);
    }

    fn note_outage(&mut self, error: StoreError) {
        self.failures = self.failures.saturating_add(1);
        self.queue.with_stats(|stats| {
            stats.failures += 1;
            stats.last_error_at = Some(Instant::now());
            stats.outage = Some(Arc::new(error));
        });
    }

    async fn pause(&self) {
        if let Some(retries) = self.failures.checked_sub(2) {
            sleep(BACKOFF.pause(retries, clock::random_fraction())).await;
        }
    }
}

/// A worker may also end with its runtime or by a panic; closing must not wait for it then.
impl Drop for Worker {
    fn drop(&mut self) {
        self.queue.worker_ended();
    }
}

fn records_of(part: &[Pending]) -> f64 {
    part.iter().map(|pending| pending.request.records.len()).sum::<usize>() as f64
}

fn no_response() -> StoreError {
    StoreError::Unreachable { source: timed_out() }
}

fn timed_out() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the server did not respond in time"))
}
