//! The minimum rate at which a client must take an export.

use std::time::Duration;

/// The bytes that a client may be behind the minimum rate, as a bucket of one window: waiting for the client
/// empties it, what the client takes fills it.
///
/// A client at the minimum rate or above is never too slow, even if the buffers of its socket empty in steps of
/// less than a window. A slower one is, sooner the slower it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Bytes per second.
    min_rate: f64,
    capacity: f64,
    left: f64,
}

impl Pace {
    /// Starts with a full bucket.
    pub(crate) fn new(min_rate: u32, window: Duration) -> Self {
        let min_rate = f64::from(min_rate);
        let capacity = min_rate * window.as_secs_f64();
        Self { min_rate, capacity, left: capacity }
    }

    /// Whether the client is fast enough, after a wait for it, at the end of which it had taken more bytes.
    pub(crate) fn is_kept(&mut self, waited: Duration, bytes: usize) -> bool {
        let behind = self.left - self.min_rate * waited.as_secs_f64();
        self.left = (behind + bytes as f64).min(self.capacity);
        self.left >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The chunks that a client takes before it is too slow, up to 1,000.
    fn chunks(bytes: usize, wait: Duration) -> usize {
        let mut pace = Pace::new(1_000, 60 * SECOND);
        (0..1_000).take_while(|_| pace.is_kept(wait, bytes)).count()
    }

    #[test]
    fn clients_at_the_minimum_rate_are_never_too_slow() {
        assert_eq!(chunks(1_000, SECOND), 1_000);
        assert_eq!(chunks(2_000, SECOND), 1_000);
        assert_eq!(chunks(1, Duration::ZERO), 1_000);
    }

    #[test]
    fn slower_clients_are_too_slow_after_some_windows() {
        assert_eq!(chunks(500, SECOND), 120);
        assert_eq!(chunks(0, SECOND), 60);
    }

    #[test]
    fn a_client_may_take_steps_of_half_a_window() {
        let mut pace = Pace::new(1_000, 60 * SECOND);
        for _ in 0..100 {
            assert!(pace.is_kept(30 * SECOND, 1_000));
            assert!((0..29).all(|_| pace.is_kept(Duration::ZERO, 1_000)));
        }
    }

    #[test]
    fn a_fast_start_does_not_excuse_a_slow_end() {
        let mut pace = Pace::new(1_000, 60 * SECOND);
        assert!((0..1_000).all(|_| pace.is_kept(Duration::ZERO, 1_000_000)));
        assert!(!pace.is_kept(61 * SECOND, 0));
    }
}
