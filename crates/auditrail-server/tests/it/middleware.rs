//! Tests of what lies around every route.

mod access_log;
mod cors;
mod problems;
mod rate_limit;
