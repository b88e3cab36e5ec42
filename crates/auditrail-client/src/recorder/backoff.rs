//! How long to wait before the next try.

use std::time::Duration;

use crate::clock;
use crate::error::ClientError;

/// The longest wait that a `Retry-After` may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// The longest pause of our own choice while somebody waits for a flush.
pub(super) const HURRIED_PAUSE: Duration = Duration::from_secs(1);

/// What an error means for the records that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Retry,
    Refused,
    NotAllowed,
}

/// Sorts errors. A key that is not good may be renewed, so nothing is given up for it, except where the key
/// is good and the record is of another tenant: no renewal changes that.
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

/// A wait before the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) wait: Duration,
    /// Whether it was asked for by the service, so that not even a flush may cut it short.
    pub(super) firm: bool,
}

/// Pauses that double, of which chance takes its share: full jitter.
#[derive(Debug)]
pub(super) struct Backoff {
    base: Duration,
    cap: Duration,
    tries: u32,
}

impl Backoff {
    pub(super) const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, tries: 0 }
    }

    /// The pause after a failure.
    pub(super) fn after(&mut self, error: &ClientError) -> Pause {
        self.pause(error, clock::chance())
    }

    /// The pause after a failure that is not the service's.
    pub(super) fn plain(&mut self) -> Pause {
        Pause { wait: self.step(clock::chance()), firm: false }
    }

    /// It works again.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }

    fn pause(&mut self, error: &ClientError, chance: f64) -> Pause {
        if verdict(error) == Verdict::NotAllowed {
            return Pause { wait: self.cap.mul_f64(0.5 + chance / 2.0), firm: true };
        }
        let wait = self.step(chance);
        match error.retry_after().map(|asked| asked.min(RETRY_AFTER_MAX)) {
            // All callers were told the same moment; they should not come back in the same one.
            Some(asked) => Pause { wait: asked + wait.min(asked / 4), firm: true },
            None => Pause { wait, firm: false },
        }
    }

    fn step(&mut self, chance: f64) -> Duration {
        let most = self.base.saturating_mul(1 << self.tries.min(30)).min(self.cap);
        self.tries = self.tries.saturating_add(1);
        most.mul_f64(chance)
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
    fn pauses_double_up_to_the_longest_and_chance_takes_its_share() {
        let mut backoff = Backoff::new(MS(100), MS(1_000));
        let error = problem(500, "x", None);
        let mut pause = |chance| backoff.pause(&error, chance).wait;
        assert_eq!([pause(1.0), pause(1.0), pause(0.5), pause(1.0)], [100, 200, 200, 800].map(MS));
        assert_eq!([pause(1.0), pause(0.0)], [MS(1_000), MS(0)]);
        backoff.reset();
        assert_eq!(backoff.pause(&error, 1.0), Pause { wait: MS(100), firm: false });
    }

    #[test]
    fn retry_after_is_waited_for_and_spread_but_no_longer_than_five_minutes() {
        let mut backoff = Backoff::new(MS(100), MS(30_000));
        let pause = backoff.pause(&problem(503, "x", Some(7)), 1.0);
        assert_eq!(pause, Pause { wait: MS(7_100), firm: true });
        let pause = backoff.pause(&problem(429, "x", Some(86_400)), 0.0);
        assert_eq!(pause, Pause { wait: MS(300_000), firm: true });
    }

    #[test]
    fn a_bad_key_is_tried_with_the_longest_pauses() {
        let mut backoff = Backoff::new(MS(100), MS(30_000));
        let pause = backoff.pause(&problem(401, "no_key", None), 0.0);
        assert_eq!(pause, Pause { wait: MS(15_000), firm: true });
    }

    #[test]
    fn only_what_another_try_cannot_change_is_refused() {
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
