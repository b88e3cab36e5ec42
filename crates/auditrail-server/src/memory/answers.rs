//! The memory of large responses, from their serialization until their last byte was sent.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::share_holder::{AmountByHolder, ShareHolder};

/// The memory of all large responses. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct AnswerMemory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: usize,
    used: Mutex<Used>,
    refused: AtomicU64,
}

/// Used bytes, in total and by holder.
#[derive(Debug, Default)]
struct Used {
    total: usize,
    holders: AmountByHolder,
}

impl AnswerMemory {
    /// Memory for responses of `max` bytes in total.
    pub(crate) fn new(max: usize) -> Self {
        Self(Arc::new(Inner { max, used: Mutex::default(), refused: AtomicU64::new(0) }))
    }

    /// Takes bytes for a response; `None` if not so many are free, in total or within the half of the holder.
    ///
    /// It does not wait: whatever is to be sent takes memory meanwhile.
    pub(crate) fn take(&self, holder: &ShareHolder, bytes: usize) -> Option<AnswerPermit> {
        let mut used = self.lock();
        let of_holder = used.holders.of(holder);
        let is_free = used.total + bytes <= self.0.max && of_holder + bytes <= self.0.max / 2;
        if !is_free {
            self.0.refused.fetch_add(1, Relaxed);
            return None;
        }
        used.add(holder, bytes);
        Some(self.permit(holder, bytes))
    }

    /// Takes bytes for a response that must be sent, even beyond the maximum.
    pub(crate) fn take_anyway(&self, holder: &ShareHolder, bytes: usize) -> AnswerPermit {
        self.lock().add(holder, bytes);
        self.permit(holder, bytes)
    }

    fn permit(&self, holder: &ShareHolder, bytes: usize) -> AnswerPermit {
        AnswerPermit { memory: self.clone(), holder: holder.clone(), bytes }
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.lock().total
    }

    /// Bytes in total.
    pub(crate) fn max(&self) -> usize {
        self.0.max
    }

    /// How many requests were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }

    /// A poisoned lock is fine: no code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn add(&mut self, holder: &ShareHolder, bytes: usize) {
        self.total += bytes;
        self.holders.add(holder, bytes);
    }

    fn subtract(&mut self, holder: &ShareHolder, bytes: usize) {
        self.total -= bytes;
        self.holders.subtract(holder, bytes);
    }
}

/// A permit for the memory of a response, released when it is dropped.
#[derive(Debug)]
pub(crate) struct AnswerPermit {
    memory: AnswerMemory,
    holder: ShareHolder,
    bytes: usize,
}

impl AnswerPermit {
    /// The bytes of a response, which hold the permit until the last of them was sent.
    ///
    /// The response is in memory, so the permit has its size from now on, even if it was taken for an estimate
    /// that was too low.
    pub(crate) fn hold(mut self, bytes: Bytes) -> Bytes {
        let memory = self.memory.clone();
        let mut used = memory.lock();
        used.add(&self.holder, bytes.len());
        used.subtract(&self.holder, self.bytes);
        drop(used);
        self.bytes = bytes.len();
        Bytes::from_owner(Held { bytes, _permit: self })
    }
}

impl Drop for AnswerPermit {
    fn drop(&mut self) {
        self.memory.lock().subtract(&self.holder, self.bytes);
    }
}

/// Bytes with their permit. Every slice of them keeps both.
struct Held {
    bytes: Bytes,
    _permit: AnswerPermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(tenant: &str) -> ShareHolder {
        ShareHolder::of_tenant(tenant)
    }

    #[test]
    fn one_holder_gets_at_most_half() {
        let memory = AnswerMemory::new(100);
        let (a, b) = (holder("a"), holder("b"));
        let first = memory.take(&a, 30).unwrap();
        assert!(memory.take(&a, 21).is_none());
        let second = memory.take(&a, 20).unwrap();
        let third = memory.take(&b, 50).unwrap();
        assert!(memory.take(&b, 1).is_none());
        drop((first, second, third));
        assert_eq!(memory.used(), 0);
        assert!(memory.lock().holders.is_empty());
    }

    #[test]
    fn bytes_hold_their_permit_until_the_last_slice() {
        let memory = AnswerMemory::new(100);
        let mut bytes = memory.take(&holder("a"), 10).unwrap().hold(vec![b'x'; 40].into());
        let end = bytes.split_off(39);
        assert_eq!(memory.used(), 40);
        drop(bytes);
        assert_eq!(memory.used(), 40);
        drop(end);
        assert_eq!(memory.used(), 0);
    }
}
