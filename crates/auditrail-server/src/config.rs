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
    /// [`write_timeout`](Self::write_timeout), then gets a 503. A tenth is for bodies up to
    /// [`limits::SMALL_BODY_MAX_BYTES`], and one tenant, or key of all tenants, gets at most half.
    pub bodies_max_bytes: usize,
    /// Maximum size of all responses beyond [`limits::SMALL_ANSWER_MAX_BYTES`] in memory, in bytes, until they
    /// were sent; one tenant, or key of all tenants, gets at most half. A request beyond it gets a 503.
    pub answers_max_bytes: usize,
    /// How long a write may wait for memory and for its commit; then 503.
    pub write_timeout: Duration,
    /// How long a request body may take to arrive, without waits for memory; then 408.
    pub body_timeout: Duration,
    /// Minimum rate at which a request body arrives, in bytes per second; then 408.
    pub body_min_rate: u32,
    /// How far a request body may be behind that rate.
    pub body_grace: Duration,
    /// How long a handler may take to start its response; then 503.
    pub request_timeout: Duration,
    /// How long a request head may take to arrive, and a connection may be idle between two requests;
    /// then the connection is closed.
    pub header_timeout: Duration,
    /// How long a client may read nothing of a response, and how far it may be behind
    /// [`response_min_rate`](Self::response_min_rate); then the connection is closed.
    pub stall_timeout: Duration,
    /// Minimum rate at which a client reads a response, in bytes per second. Only time in which the service waits
    /// for the client counts.
    pub response_min_rate: u32,
    /// How long requests are still accepted after a shutdown has begun, while `/readyz` already fails. It
    /// must be longer than load balancers need to notice. Pass it to
    /// [`ShuttingDown::begun`](crate::ShuttingDown::begun).
    pub shutdown_delay: Duration,
    /// How long in-flight requests may take after the last request was accepted.
    pub shutdown_grace: Duration,
    /// Maximum number of connections. Beyond it, one without a valid API key is closed for each new one, or an
    /// idle one; while all are in use, further ones wait to be accepted.
    pub connections_max: usize,
    /// Maximum number of connections of one address on which no request had a valid API key yet; beyond it, the
    /// oldest of them is closed.
    pub unauthenticated_max: usize,
    /// Maximum number of requests that follow the log at once; one tenant, or key of all tenants, gets half.
    pub tails_max: usize,
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
            answers_max_bytes: limits::ANSWERS_MAX_BYTES,
            write_timeout: limits::WRITE_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            body_min_rate: limits::BODY_MIN_RATE,
            body_grace: limits::BODY_GRACE,
            request_timeout: limits::REQUEST_TIMEOUT,
            header_timeout: limits::HEADER_TIMEOUT,
            stall_timeout: limits::STALL_TIMEOUT,
            response_min_rate: limits::RESPONSE_MIN_RATE,
            shutdown_delay: limits::SHUTDOWN_DELAY,
            shutdown_grace: limits::SHUTDOWN_GRACE,
            connections_max: limits::CONNECTIONS_MAX,
            unauthenticated_max: limits::UNAUTHENTICATED_MAX,
            tails_max: limits::TAILS_MAX,
            record_reads: false,
            export_min_rate: limits::EXPORT_MIN_RATE,
            export_rate_window: limits::EXPORT_RATE_WINDOW,
            budgets: RateBudgets::default(),
            cors: None,
        }
    }
}
