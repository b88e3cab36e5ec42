//! The limits of the service.

use std::time::Duration;

/// What callers can use up. Requests need no authentication, so each of these is bounded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Most connections at once. Further ones wait in the queue of the kernel. Each can take up a megabyte, for the
    /// largest body and what was read from it. Default 128.
    pub connections_max: usize,
    /// How long the head of a request may take, and how long a connection may be idle. Default 15 s.
    pub header_timeout: Duration,
    /// How long a request may take from its head to the response. Default 10 s.
    pub request_timeout: Duration,
    /// How long a connection may be open. Default 10 min.
    pub connection_timeout: Duration,
    /// How long requests in flight may take after the shutdown signal. Default 15 s.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 128,
            header_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(10),
            connection_timeout: Duration::from_secs(600),
            shutdown_grace: Duration::from_secs(15),
        }
    }
}
