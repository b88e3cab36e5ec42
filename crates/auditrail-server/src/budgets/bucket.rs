//! Token buckets, one a key, in bounded memory.
//!
//! A bucket is one moment: when it will be full again. The further away that is, the less is in it;
//! beyond the window it is empty, and what lies beyond is owed. (This is the generic cell rate
//! algorithm, ITU-T I.371.) The crate `governor` does the same for one bucket; it refuses for ever
//! what takes more than a full bucket, while here a batch may owe, and it keeps every key until told
//! otherwise.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Budget;

/// The buckets of all keys, for one budget.
#[derive(Debug)]
pub(super) struct Buckets {
    budget: Budget,
    keys_max: usize,
    /// When each key's bucket will be full; one that is full already need not be here.
    full_at: Mutex<HashMap<Box<str>, Instant>>,
}

/// Nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Empty {
    /// How long until there is one.
    pub(super) until_some: Duration,
    /// How long until the bucket is full.
    pub(super) until_full: Duration,
}

/// What is left, and how long until the bucket is full.
pub(super) type Left = (u32, Duration);

impl Buckets {
    pub(super) fn new(budget: Budget, keys_max: usize) -> Self {
        Self { budget, keys_max, full_at: Mutex::default() }
    }

    pub(super) const fn budget(&self) -> Budget {
        self.budget
    }

    /// Takes one where there is one.
    pub(super) fn admit(&self, key: &str, now: Instant) -> Result<Left, Empty> {
        let mut full_at = self.lock();
        let until_full = until(full_at.get(key), now);
        match self.left(until_full) {
            0 => {
                // A nanosecond more than enough, because costs are rounded down.
                let one = self.cost(1).saturating_add(Duration::from_nanos(1));
                let until_some =
                    until_full.saturating_add(one).saturating_sub(self.budget.window());
                Err(Empty { until_some, until_full })
            }
            _ => Ok(self.take(&mut full_at, key, 1, now)),
        }
    }

    /// Takes what there may not be.
    pub(super) fn owe(&self, key: &str, more: u32, now: Instant) -> Left {
        self.take(&mut self.lock(), key, more, now)
    }

    fn take(
        &self,
        full_at: &mut HashMap<Box<str>, Instant>,
        key: &str,
        amount: u32,
        now: Instant,
    ) -> Left {
        let until_full = until(full_at.get(key), now).saturating_add(self.cost(amount));
        // Only a moment thousands of years away could not be told.
        let moment = now.checked_add(until_full).unwrap_or(now);
        match full_at.get_mut(key) {
            Some(full_at) => *full_at = moment,
            None => {
                self.make_room(full_at, now);
                full_at.insert(key.into(), moment);
            }
        }
        (self.left(until_full), until_full)
    }

    /// Forgets the buckets that are full again, which loses nothing; with too many keys at work also
    /// the one that is nearest to being full, which forgives that key what it used.
    fn make_room(&self, full_at: &mut HashMap<Box<str>, Instant>, now: Instant) {
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

    /// What is left of a bucket that is full after this time.
    fn left(&self, until_full: Duration) -> u32 {
        let free = self.budget.window().saturating_sub(until_full).as_nanos();
        let left = free * u128::from(self.budget.amount()) / self.budget.window().as_nanos();
        // At most the amount, since what is free is at most the window.
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// How long it takes until this much has come back, rounded down to nanoseconds: up, the last one
    /// of a full bucket could not be had.
    fn cost(&self, amount: u32) -> Duration {
        let nanos = self.budget.window().as_nanos() * u128::from(amount);
        let nanos = nanos / u128::from(self.budget.amount());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Instant>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long until then; nothing when that was before.
fn until(full_at: Option<&Instant>, now: Instant) -> Duration {
    full_at.map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now))
}

#[cfg(test)]
mod tests;
