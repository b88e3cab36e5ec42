//! Tests of the middleware.

mod access_log;
mod cors;
mod problems;
mod rate_limit;
