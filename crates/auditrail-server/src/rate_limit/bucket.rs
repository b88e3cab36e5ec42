//! Token buckets, one per share holder, in bounded memory.
//!
//! A bucket is represented by the time when it will be full again. The later that is, the less it
//! holds; if it is a whole window away the bucket is empty, and beyond that it is overdrawn. (This is the
//! generic cell rate algorithm, ITU-T I.371.) The crate `governor` implements the same algorithm, but it
//! always rejects a request larger than the bucket, whereas a batch may overdraw it here, and it keeps
//! keys until they are removed explicitly.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Budget;

/// The buckets of all share holders, for one budget.
#[derive(Debug)]
pub(super) struct Buckets {
    budget: Budget,
    keys_max: usize,
    /// When the bucket of each key will be full. A missing bucket is full.
    full_at: Mutex<HashMap<Box<str>, Instant>>,
}

/// The bucket is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Empty {
    /// Time until one unit is available.
    pub(super) until_available: Duration,
    /// Time until the bucket is full.
    pub(super) until_full: Duration,
}

/// What is left, and the time until the bucket is full.
pub(super) type Level = (u32, Duration);

impl Buckets {
    pub(super) fn new(budget: Budget, keys_max: usize) -> Self {
        Self { budget, keys_max, full_at: Mutex::default() }
    }

    pub(super) const fn budget(&self) -> Budget {
        self.budget
    }

    /// Takes one unit if there is one.
    pub(super) fn admit(&self, key: &str, now: Instant) -> Result<Level, Empty> {
        let mut full_at = self.lock();
        let until_full = until(full_at.get(key), now);
        if self.remaining(until_full) > 0 {
            return Ok(self.take(&mut full_at, key, 1, now));
        }
        // A nanosecond more than enough, because costs are rounded down.
        let one = self.cost(1).saturating_add(Duration::from_nanos(1));
        let until_available = until_full.saturating_add(one).saturating_sub(self.budget.window());
        Err(Empty { until_available, until_full })
    }

    /// Takes units, beyond what is left if necessary.
    pub(super) fn charge_overdraft(&self, key: &str, amount: u32, now: Instant) -> Level {
        self.take(&mut self.lock(), key, amount, now)
    }

    /// Removes the buckets that are full.
    pub(super) fn remove_full(&self, now: Instant) {
        self.lock().retain(|_, full_at| *full_at > now);
    }

    fn take(
        &self,
        full_at: &mut HashMap<Box<str>, Instant>,
        key: &str,
        amount: u32,
        now: Instant,
    ) -> Level {
        let until_full = until(full_at.get(key), now).saturating_add(self.cost(amount));
        // The addition only overflows for a time thousands of years away.
        let new_full_at = now.checked_add(until_full).unwrap_or(now);
        match full_at.get_mut(key) {
            Some(full_at) => *full_at = new_full_at,
            None => {
                self.evict(full_at, now);
                full_at.insert(key.into(), new_full_at);
            }
        }
        (self.remaining(until_full), until_full)
    }

    /// Makes space for one bucket. Removes full buckets, which loses nothing; if that is not enough, also
    /// the fullest one, which resets the usage of that key.
    fn evict(&self, full_at: &mut HashMap<Box<str>, Instant>, now: Instant) {
        if full_at.len() < self.keys_max {
            return;
        }
        full_at.retain(|_, full_at| *full_at > now);
        if full_at.len() >= self.keys_max {
            let fullest = full_at.iter().min_by_key(|(_, full_at)| **full_at);
            if let Some(key) = fullest.map(|(key, _)| key.clone()) {
                full_at.remove(&key);
            }
        }
    }

    /// What is left of a bucket that will be full after this time.
    fn remaining(&self, until_full: Duration) -> u32 {
        let free = self.budget.window().saturating_sub(until_full).as_nanos();
        let remaining = free * u128::from(self.budget.amount()) / self.budget.window().as_nanos();
        // At most the amount, since what is free is at most the window.
        u32::try_from(remaining).unwrap_or(u32::MAX)
    }

    /// The time in which this amount refills, rounded down to nanoseconds. If it were rounded up, the
    /// last unit of a full bucket could not be taken.
    fn cost(&self, amount: u32) -> Duration {
        let nanos = self.budget.window().as_nanos() * u128::from(amount);
        let nanos = nanos / u128::from(self.budget.amount());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Instant>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time until then; zero if that is in the past.
fn until(full_at: Option<&Instant>, now: Instant) -> Duration {
    full_at.map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now))
}

#[cfg(test)]
mod tests;
