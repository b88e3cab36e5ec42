//! Classification of errors, and pauses between retries.

use std::time::Duration;

use crate::clock;
use crate::error::ClientError;

/// Upper limit for `Retry-After`.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// Upper limit of pauses during a flush, except those that the service requested.
pub(super) const FLUSH_PAUSE_MAX: Duration = Duration::from_secs(1);

/// What an error means for the records of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Temporary: send the records again.
    Retry,
    /// Permanent for these records.
    Refused,
    /// The API key was rejected, which affects all records until it is renewed.
    NotAllowed,
}

/// Classifies an error. A rejected API key may be renewed, so records are kept for it. The
/// exception is a record of another tenant than the key's, which no renewal changes.
pub(super) fn verdict(error: &ClientError) -> Verdict {
    if error.code() == "other_tenant" {
        return Verdict::Refused;
    }
    match error.status() {
        Some(401 | 403) => Verdict::NotAllowed,
        Some(400 | 409 | 413 | 415 | 422) => Verdict::Refused,
        _ => Verdict::Retry,
    }
}

/// A pause before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) wait: Duration,
    /// Whether the service requested it, so that a flush must not shorten it.
    pub(super) is_mandatory: bool,
}

impl Pause {
    /// Its duration, limited to `max` during a flush unless it is mandatory.
    pub(super) fn capped(self, is_flushing: bool, max: Duration) -> Duration {
        if is_flushing && !self.is_mandatory { self.wait.min(max) } else { self.wait }
    }
}

/// Exponential backoff with full jitter: a pause is random between zero and a bound that doubles.
/// `Backoff` of `auditrail-core` has equal jitter, with a lower bound of half of that.
#[derive(Debug)]
pub(super) struct Backoff {
    base: Duration,
    cap: Duration,
    attempts: u32,
}

impl Backoff {
    pub(super) const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, attempts: 0 }
    }

    /// The pause after a failed request.
    pub(super) fn after(&mut self, error: &ClientError) -> Pause {
        self.pause_after(error, clock::random_fraction())
    }

    /// The pause after an error that is not the service's.
    pub(super) fn after_local_error(&mut self) -> Pause {
        Pause { wait: self.step(clock::random_fraction()), is_mandatory: false }
    }

    /// Starts over after a success.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    fn pause_after(&mut self, error: &ClientError, random: f64) -> Pause {
        if verdict(error) == Verdict::NotAllowed {
            return Pause { wait: self.cap.mul_f64(0.5 + random / 2.0), is_mandatory: true };
        }
        let wait = self.step(random);
        match error.retry_after().map(|retry_after| retry_after.min(RETRY_AFTER_MAX)) {
            // All clients may have got the same `Retry-After`; jitter spreads their return.
            Some(retry_after) => {
                Pause { wait: retry_after + wait.min(retry_after / 4), is_mandatory: true }
            }
            None => Pause { wait, is_mandatory: false },
        }
    }

    fn step(&mut self, random: f64) -> Duration {
        let bound = self.base.saturating_mul(1 << self.attempts.min(30)).min(self.cap);
        self.attempts = self.attempts.saturating_add(1);
        bound.mul_f64(random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Problem;

    fn problem(status: u16, code: &str, retry_after: Option<u64>) -> ClientError {
        ClientError::Problem(Box::new(Problem {
            status,
            code: code.to_owned(),
            detail: String::new(),
            errors: Vec::new(),
            request_id: None,
            retry_after: retry_after.map(Duration::from_secs),
        }))
    }

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn pauses_double_up_to_the_cap_with_full_jitter() {
        let mut backoff = Backoff::new(MS(100), MS(1_000));
        let error = problem(500, "x", None);
        let mut pause = |random| backoff.pause_after(&error, random).wait;
        assert_eq!([pause(1.0), pause(1.0), pause(0.5), pause(1.0)], [100, 200, 200, 800].map(MS));
        assert_eq!([pause(1.0), pause(0.0)], [MS(1_000), MS(0)]);
        backoff.reset();
        assert_eq!(backoff.pause_after(&error, 1.0), Pause { wait: MS(100), is_mandatory: false });
    }

    #[test]
    fn retry_after_is_honored_up_to_five_minutes_with_jitter() {
        let mut backoff = Backoff::new(MS(100), MS(30_000));
        let pause = backoff.pause_after(&problem(503, "x", Some(7)), 1.0);
        assert_eq!(pause, Pause { wait: MS(7_100), is_mandatory: true });
        let pause = backoff.pause_after(&problem(429, "x", Some(86_400)), 0.0);
        assert_eq!(pause, Pause { wait: MS(300_000), is_mandatory: true });
    }

    #[test]
    fn rejected_key_is_retried_with_the_longest_pauses() {
        let mut backoff = Backoff::new(MS(100), MS(30_000));
        let pause = backoff.pause_after(&problem(401, "no_key", None), 0.0);
        assert_eq!(pause, Pause { wait: MS(15_000), is_mandatory: true });
    }

    #[test]
    fn only_permanent_errors_are_refusals() {
        for status in [400, 409, 413, 415, 422] {
            assert_eq!(verdict(&problem(status, "x", None)), Verdict::Refused);
        }
        assert_eq!(verdict(&problem(403, "other_tenant", None)), Verdict::Refused);
        assert_eq!(verdict(&problem(403, "wrong_scope", None)), Verdict::NotAllowed);
        for status in [404, 408, 429, 500, 502, 503] {
            assert_eq!(verdict(&problem(status, "x", None)), Verdict::Retry);
        }
        assert_eq!(verdict(&ClientError::NoKey), Verdict::Retry);
    }
}
