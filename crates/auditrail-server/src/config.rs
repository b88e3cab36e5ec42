//! Settings of the service.

use std::time::Duration;

use crate::cors::CorsConfig;
use crate::limits;
use crate::rate_limit::RateBudgets;

/// Settings of the service. The defaults are in [`limits`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Maximum size of a request body, in bytes.
    pub body_max_bytes: usize,
    /// Maximum size of all request bodies in memory, in bytes. A request beyond it waits for up to
    /// [`write_timeout`](Self::write_timeout), then gets a 503.
    pub bodies_max_bytes: usize,
    /// How long a write may wait for memory and for its commit; then 503.
    pub write_timeout: Duration,
    /// How long a request body may take to arrive; then 408.
    pub body_timeout: Duration,
    /// How long a handler may take to start its response; then 503.
    pub request_timeout: Duration,
    /// How long a request head may take to arrive, and a connection may be idle between two requests;
    /// then the connection is closed.
    pub header_timeout: Duration,
    /// How long a client may read nothing of a response; then the connection is closed.
    pub stall_timeout: Duration,
    /// How long requests are still accepted after a shutdown has begun, while `/readyz` already fails. It
    /// must be longer than load balancers need to notice. Pass it to
    /// [`ShuttingDown::begun`](crate::ShuttingDown::begun).
    pub shutdown_delay: Duration,
    /// How long in-flight requests may take after the last request was accepted.
    pub shutdown_grace: Duration,
    /// Maximum number of connections; further ones wait to be accepted.
    pub connections_max: usize,
    /// Whether searches, counts and single reads are audited too. Exports always are.
    pub record_reads: bool,
    /// How many bytes per second the client of an export must take over
    /// [`export_rate_window`](Self::export_rate_window); then the export is aborted. Only time spent waiting for
    /// the client counts.
    pub export_min_rate: u32,
    /// The window of [`export_min_rate`](Self::export_min_rate).
    pub export_rate_window: Duration,
    /// Rate budgets of each tenant, or of each API key without a tenant.
    pub budgets: RateBudgets,
    /// Cross-origin access from browsers; none by default.
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
            export_min_rate: limits::EXPORT_MIN_RATE,
            export_rate_window: limits::EXPORT_RATE_WINDOW,
            budgets: RateBudgets::default(),
            cors: None,
        }
    }
}
