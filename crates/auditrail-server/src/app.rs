//! State that all routes share.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use auditrail_store::erasure::Eraser;
use auditrail_store::holds::PgHolds;
use auditrail_store::partitions::Maintenance;
use auditrail_store::{PgApiKeys, PgAuditLog, PgRetention, RetentionRun};

use crate::auth::Authenticator;
use crate::background::{
    Background, PartitionMaintenance, RateLimitCleanup, Retention, TaskHandle,
};
use crate::clock;
use crate::config::ServerConfig;
use crate::connections::Connections;
use crate::database_shares::DatabaseShares;
use crate::feed_reads::FeedReads;
use crate::limits::UPGRADE_RETRIES;
use crate::memory::{AnswerMemory, BodyMemory};
use crate::rate_limit::RateLimiter;
use crate::sequencing::Sequencing;
use crate::shutdown::ShuttingDown;
use crate::tails::{TailSource, Tails};
use crate::telemetry::metrics::Metrics;
use crate::writes::Writes;

/// State that all routes share. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    config: ServerConfig,
    log: PgAuditLog,
    writes: Box<dyn Writes>,
    authenticator: Box<dyn Authenticator>,
    connections: Connections,
    body_memory: BodyMemory,
    answer_memory: AnswerMemory,
    keys: PgApiKeys,
    retention: PgRetention,
    database_shares: Arc<DatabaseShares>,
    tails: Tails,
    feed_reads: FeedReads,
    rate_limiter: Arc<RateLimiter>,
    background: Background,
    sequencing: Sequencing,
    holds: PgHolds,
    /// Erases as the owner of the log.
    eraser: OnceLock<Eraser>,
    metrics: Metrics,
    shutting_down: ShuttingDown,
    started_at: Instant,
}

impl App {
    /// Creates the state.
    ///
    /// API keys are created, listed and revoked over the pool of `log`, which needs the privileges of the
    /// service role.
    #[must_use]
    pub fn new(
        config: ServerConfig,
        log: PgAuditLog,
        authenticator: impl Authenticator + 'static,
        writes: impl Writes + 'static,
    ) -> Self {
        let metrics = Metrics::new();
        let (bodies, body) = (config.bodies_max_bytes, config.body_max_bytes);
        let database_shares = Arc::new(DatabaseShares::new(&config, &log, metrics.clone()));
        let sequencing = Sequencing::default();
        let source = TailSource {
            log: log.clone(),
            database_shares: Arc::clone(&database_shares),
            next_seq: sequencing.next_seq(),
        };
        let tails = Tails::new(config.tails_max, source, metrics.clone());
        Self(Arc::new(Inner {
            connections: Connections::new(config.connections_max, config.unauthenticated_max),
            body_memory: BodyMemory::new(bodies, body, config.write_timeout),
            answer_memory: AnswerMemory::new(config.answers_max_bytes),
            keys: managed_keys(&log),
            retention: PgRetention::new(log.pool().clone()),
            holds: PgHolds::new(log.pool().clone()),
            eraser: OnceLock::new(),
            database_shares,
            tails,
            feed_reads: FeedReads::default(),
            rate_limiter: Arc::new(RateLimiter::new(&config.budgets)),
            background: Background::default(),
            sequencing,
            metrics,
            shutting_down: ShuttingDown::default(),
            started_at: clock::monotonic(),
            config,
            log,
            writes: Box::new(writes),
            authenticator: Box::new(authenticator),
        }))
    }

    /// The settings of the service.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.0.config
    }

    /// The shutdown state. Call [`begin`](ShuttingDown::begin) on it to start a shutdown.
    #[must_use]
    pub fn shutting_down(&self) -> &ShuttingDown {
        &self.0.shutting_down
    }

    /// The background tasks of the service. Others can be added; their status is in the admin metrics.
    #[must_use]
    pub fn background(&self) -> &Background {
        &self.0.background
    }

    /// Lets the service erase, as a role that owns the log. Only the first call has an effect.
    pub fn allow_erasure(&self, eraser: Eraser) {
        // A later call would be a second configuration of the same process.
        drop(self.0.eraser.set(eraser));
    }

    /// Erases as the owner of the log, if the service may.
    pub(crate) fn eraser(&self) -> Option<&Eraser> {
        self.0.eraser.get()
    }

    /// The holds.
    pub(crate) fn holds(&self) -> &PgHolds {
        &self.0.holds
    }

    /// What this process knows about the sequence of records, and the tasks that advance it.
    #[must_use]
    pub fn sequencing(&self) -> &Sequencing {
        &self.0.sequencing
    }

    /// Starts the service's own background tasks. Call this once.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start_background_tasks(&self) {
        self.0.background.start(RateLimitCleanup(Arc::clone(&self.0.rate_limiter)));
        let begun = self.0.shutting_down.begun(Duration::ZERO);
        tokio::spawn(self.0.tails.clone().close_at_shutdown(begun));
    }

    /// Starts the background task that maintains the partitions of the table, in one of several processes. Call
    /// this once. If the role of `maintenance` does not own the table, one warning is logged.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start_partition_maintenance(&self, maintenance: Maintenance) {
        let state = self.0.metrics.partitions().clone();
        self.0.background.start(PartitionMaintenance::new(maintenance, state));
    }

    /// Starts the background task that removes the records that no rule of retention keeps, in one of several
    /// processes: five minutes after the start, and then every hour. With an archive directory they are archived
    /// before; if that fails, none is removed. Call this once. If there are rules and the role of `run` does not own
    /// the log, one warning is logged.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start_retention(&self, run: RetentionRun, archive_dir: Option<PathBuf>) -> TaskHandle {
        let metrics = &self.0.metrics;
        let (state, partitions) = (metrics.retention().clone(), metrics.partitions().clone());
        self.0.background.start(Retention::new(run, archive_dir, state, partitions))
    }

    /// Whether clients may still retry requests that an earlier version of the service received.
    pub(crate) fn is_recently_started(&self) -> bool {
        clock::monotonic().duration_since(self.0.started_at) < UPGRADE_RETRIES
    }

    /// The connections of the public listener, to be passed to [`serve`](crate::serve). Their number is in the admin
    /// metrics.
    #[must_use]
    pub fn connections(&self) -> &Connections {
        &self.0.connections
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn log(&self) -> &PgAuditLog {
        &self.0.log
    }

    pub(crate) fn writes(&self) -> &dyn Writes {
        &*self.0.writes
    }

    /// The memory for request bodies.
    pub(crate) fn body_memory(&self) -> &BodyMemory {
        &self.0.body_memory
    }

    /// The memory for large responses.
    pub(crate) fn answer_memory(&self) -> &AnswerMemory {
        &self.0.answer_memory
    }

    pub(crate) fn authenticator(&self) -> &dyn Authenticator {
        &*self.0.authenticator
    }

    /// The API keys that `/v1/keys` manages, in the database of the log.
    pub(crate) fn keys(&self) -> &PgApiKeys {
        &self.0.keys
    }

    /// The rules of retention, in the database of the log.
    pub(crate) fn retention(&self) -> &PgRetention {
        &self.0.retention
    }

    /// The connections for reads, exports and API keys, of which each share holder gets a share.
    pub(crate) fn database_shares(&self) -> &DatabaseShares {
        &self.0.database_shares
    }

    /// The requests that follow the log.
    pub(crate) fn tails(&self) -> &Tails {
        &self.0.tails
    }

    /// The reads of feeds that were recorded.
    pub(crate) fn feed_reads(&self) -> &FeedReads {
        &self.0.feed_reads
    }

    pub(crate) fn rate_limiter(&self) -> &RateLimiter {
        &self.0.rate_limiter
    }
}

/// The keys to manage. What a write has to know of them is read over the connections of duplicates.
fn managed_keys(log: &PgAuditLog) -> PgApiKeys {
    let keys = PgApiKeys::new(log.pool().clone());
    match log.sessions_for_written() {
        Some(sessions) => keys.with_sessions(sessions.clone()),
        None => keys,
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { config, log, .. } = &*self.0;
        f.debug_struct("App").field("config", config).field("log", log).finish_non_exhaustive()
    }
}
