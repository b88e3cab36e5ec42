//! Housekeeping of the rate limiter.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Schedule, StopSignal, Task, TaskError};
use crate::clock;
use crate::limits::RATE_LIMIT_CLEANUP_INTERVAL;
use crate::rate_limit::RateLimiter;

/// Frees the memory of full budgets.
pub(crate) struct RateLimitCleanup(pub(crate) Arc<RateLimiter>);

impl Task for RateLimitCleanup {
    fn name(&self) -> &'static str {
        "rate_limit_cleanup"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every(RATE_LIMIT_CLEANUP_INTERVAL)
    }

    fn run<'a>(&'a self, _: &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>> {
        self.0.remove_full(clock::monotonic());
        Box::pin(std::future::ready(Ok(())))
    }
}
