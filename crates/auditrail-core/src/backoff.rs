//! Pauses between retries.

use std::time::Duration;

/// Exponential backoff with jitter. Pure: the caller supplies the number of failures and a random
/// number.
///
/// ```
/// use std::time::Duration;
/// use auditrail_core::Backoff;
///
/// let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
/// assert_eq!(backoff.pause(0, 1.0), Duration::from_millis(50));
/// assert_eq!(backoff.pause(2, 1.0), Duration::from_millis(200));
/// assert_eq!(backoff.pause(2, 0.0), Duration::from_millis(100));
/// assert_eq!(backoff.pause(40, 1.0), Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    /// Pauses that start at `first` and double up to `max`.
    #[must_use]
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max }
    }

    /// The pause after `retries` earlier ones, between half of it and all of it.
    ///
    /// `random` is a number from 0 to 1. Processes that lost a server at the same moment choose
    /// different numbers, so that they do not all return at the same moment; 1 gives the full pause.
    #[must_use]
    pub fn pause(self, retries: u32, random: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(retries));
        doubled.min(self.max).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }
}
