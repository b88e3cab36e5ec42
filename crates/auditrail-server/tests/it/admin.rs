//! Tests of the admin listener.

mod health;
mod metrics;
mod readiness;
