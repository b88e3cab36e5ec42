//! What an operator may set.

use std::time::Duration;

use crate::budgets::RateBudgets;
use crate::cors::CorsConfig;

/// What an operator may set; the default is [`limits`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Most bytes in the body of a request.
    pub body_max_bytes: usize,
    /// Most bytes of bodies at a time; others wait for [`write_timeout`](Self::write_timeout), then
    /// 503.
    pub bodies_max_bytes: usize,
    /// How long a write may wait for room and for its commit; then 503.
    pub write_timeout: Duration,
    /// How long a caller may take to send a body; then 408.
    pub body_timeout: Duration,
    /// How long a request may take until its answer begins; then 503.
    pub request_timeout: Duration,
    /// How long a caller may take to send the head of a request, and a connection may idle between
    /// two requests; then the connection is closed.
    pub header_timeout: Duration,
    /// How long a caller may take nothing of an answer; then the connection is closed.
    pub stall_timeout: Duration,
    /// How long requests are still taken in after a shutdown began, while `/readyz` says no already:
    /// longer than the time in which the load balancers in front take notice. It is for
    /// [`ShuttingDown::begun`](crate::ShuttingDown::begun).
    pub shutdown_delay: Duration,
    /// How long requests that are under way may take after the last was taken in.
    pub shutdown_grace: Duration,
    /// Most connections at a time; others wait to be accepted.
    pub connections_max: usize,
    /// Whether searching, counting and getting records leaves a record too. Exports always do.
    pub record_reads: bool,
    /// How much each key may ask for.
    pub budgets: RateBudgets,
    /// Which pages of other origins may use the service from a browser; none of them unless set.
    pub cors: Option<CorsConfig>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            body_max_bytes: limits::BODY_MAX_BYTES,
            bodies_max_bytes: limits::BODIES_MAX_BYTES,
            write_timeout: limits::WRITE_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            request_timeout: limits::REQUEST_TIMEOUT,
            header_timeout: limits::HEADER_TIMEOUT,
            stall_timeout: limits::STALL_TIMEOUT,
            shutdown_delay: limits::SHUTDOWN_DELAY,
            shutdown_grace: limits::SHUTDOWN_GRACE,
            connections_max: limits::CONNECTIONS_MAX,
            record_reads: false,
            budgets: RateBudgets::default(),
            cors: None,
        }
    }
}

/// Every limit of the service, by name and with its reason.
pub mod limits {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use crate::budgets::Budget;

    /// Most bytes in a body: 10,000 records of an ordinary kilobyte and a half.
    pub const BODY_MAX_BYTES: usize = 16 * 1_024 * 1_024;
    /// Most bytes of bodies at a time: one of the largest and some more.
    ///
    /// The records in them take as much again, small ones twice as much, until they are written; all
    /// of that is to fit into 128 MiB (`cargo xtask bench serve`).
    pub const BODIES_MAX_BYTES: usize = 20 * 1_024 * 1_024;
    /// Long enough for a database that restarts, short enough for a caller to learn that it does not.
    pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
    /// Most records in a batch; they are one transaction and are held in memory at once.
    pub const BATCH_MAX_RECORDS: usize = 10_000;
    /// A body at its limit arrives in this time over 5 Mbit/s.
    pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
    /// Longer than a body may take, and long enough for an exact count over a large table.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
    /// A head is one packet or two; who takes longer ties up a connection on purpose.
    pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
    /// A stalled export holds a snapshot, which keeps PostgreSQL from cleaning up, and any other answer
    /// its memory.
    pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
    /// Without a load balancer nobody is to be waited for.
    pub const SHUTDOWN_DELAY: Duration = Duration::ZERO;
    /// Below the 30 seconds that most supervisors wait before they kill.
    pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);
    /// Each connection takes a file descriptor, and the usual limit is 1,024 of those.
    pub const CONNECTIONS_MAX: usize = 900;
    /// Most bytes in the head of a request, which holds any search at the limits of its filters.
    pub const HEAD_MAX_BYTES: usize = 64 * 1_024;
    /// Most header lines of a request.
    pub const HEADERS_MAX: usize = 64;
    /// Most characters in an `Idempotency-Key`.
    pub const IDEMPOTENCY_KEY_MAX_CHARS: usize = 255;
    /// How many of the busiest actors, actions and targets the statistics list.
    pub const STATS_TOP: u16 = 20;
    /// How long a readiness check may take; supervisors seldom wait longer.
    pub const READY_TIMEOUT: Duration = Duration::from_secs(2);
    /// How long it may take to find out whose a key is. An index lookup takes a millisecond; after
    /// seconds the database is not well, and a caller does better to hear so than to wait.
    pub const KEY_CHECK_TIMEOUT: Duration = Duration::from_secs(5);
    /// How long whose a key is may be asked again and again while the database is out of reach. Below
    /// [`KEY_CHECK_TIMEOUT`], so that callers hear why.
    pub const KEY_OUTAGE_PATIENCE: Duration = Duration::from_secs(2);
    /// Keys that are remembered after a lookup: some megabytes.
    pub const KNOWN_KEYS_MAX: usize = 10_000;
    /// Ten thousand requests a second, and a minute of them at once.
    ///
    /// That is more than any program in order asks with one key, so it meets only what has run wild;
    /// an operator who serves strangers sets less.
    pub const QUERY_BUDGET: Budget = Budget::new(nonzero(600_000), MINUTE);
    /// Ten exports a second: each reads as much of the table as it matches, and holds a connection and
    /// a snapshot while it does.
    pub const EXPORT_BUDGET: Budget = Budget::new(nonzero(600), MINUTE);
    /// Keys whose use is remembered, for each budget: about a megabyte. Beyond it the one that used
    /// least is forgiven.
    pub const BUDGET_KEYS_MAX: usize = 10_000;
    /// How long what the database said about readiness is told again: the shortest period that
    /// supervisors ask in. However many ask, the database is asked once in that time.
    pub const READY_FRESH: Duration = Duration::from_secs(1);
    /// How long a request may wait in the writer's queue before the service is not ready: callers give
    /// up soon after, and another instance may be faster.
    pub const WRITER_LAG_MAX: Duration = Duration::from_secs(5);
    /// How long a browser may keep what it was told about a request to another origin; Chromium keeps
    /// it no longer.
    pub const CORS_MAX_AGE: Duration = Duration::from_hours(2);
    /// When to come back after the database was out of reach for the moment.
    pub const RETRY_SOON: Duration = Duration::from_secs(1);
    /// When to come back after something that an operator must mend.
    pub const RETRY_LATER: Duration = Duration::from_secs(30);

    const MINUTE: NonZeroU32 = nonzero(60);

    const fn nonzero(number: u32) -> NonZeroU32 {
        match NonZeroU32::new(number) {
            Some(number) => number,
            None => NonZeroU32::MIN,
        }
    }
}
