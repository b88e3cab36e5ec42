//! Minimum rates of clients.

use std::time::Duration;

/// The pace of a client that sends or reads bytes.
///
/// Time that is spent waiting for the client counts against it, and every byte counts for it. It is too slow when
/// it is behind its minimum rate by the grace period; so a client that does nothing for the grace period is
/// too slow, and one that keeps the rate never is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    bytes_per_second: u32,
    grace: Duration,
    behind: Duration,
}

impl Pace {
    pub(crate) const fn new(bytes_per_second: u32, grace: Duration) -> Self {
        Self { bytes_per_second, grace, behind: Duration::ZERO }
    }

    /// How long the client may do nothing from now on.
    pub(crate) const fn allowance(&self) -> Duration {
        self.grace.saturating_sub(self.behind)
    }

    /// Adds time that was spent waiting for the client.
    pub(crate) const fn waited(&mut self, time: Duration) {
        self.behind = self.behind.saturating_add(time);
    }

    /// Adds bytes that the client sent or read.
    pub(crate) fn moved(&mut self, bytes: usize) {
        if self.behind > Duration::ZERO {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            let worth = Duration::from_secs(1).saturating_mul(bytes) / self.bytes_per_second.max(1);
            self.behind = self.behind.saturating_sub(worth);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_client_at_the_minimum_rate_is_never_too_slow() {
        let mut pace = Pace::new(100, seconds(5));
        for _ in 0..1_000 {
            pace.waited(seconds(1));
            pace.moved(100);
        }
        assert_eq!(pace.allowance(), seconds(5));
    }

    #[test]
    fn single_bytes_do_not_extend_the_grace_period() {
        let mut pace = Pace::new(1_000, seconds(5));
        for _ in 0..5 {
            pace.waited(seconds(1));
            pace.moved(1);
        }
        assert!(pace.allowance() < Duration::from_millis(10));
        pace.moved(1_000_000);
        assert_eq!(pace.allowance(), seconds(5));
    }
}
