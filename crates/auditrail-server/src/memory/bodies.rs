//! The memory of request bodies.
//!
//! A body takes memory for what has arrived, not for what was announced. If none is free it is not read
//! further, so TCP slows its sender down. Three rules keep one sender from stopping the others:
//!
//! - A part of the memory is for small bodies, so single records do not wait for batches.
//! - Of both parts, one share holder gets at most half.
//! - Bodies that each hold a part and wait for more cannot block each other: beyond their first part the
//!   bodies of a holder take turns, such that all on turn can be completed; and when nothing else releases
//!   memory, a body that is junior to the waiting one is evicted.

mod shares;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::share_holder::ShareHolder;
use shares::{Held, Limits, Shares, Verdict};

/// Interval in which a waiting body checks whether it is on turn.
const TURN_CHECK: Duration = Duration::from_millis(200);

/// The memory of all request bodies. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct BodyMemory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shares: Mutex<Shares>,
    max: usize,
    /// How long a body may wait for memory in total.
    wait_max: Duration,
    refused: AtomicU64,
}

/// No memory became free in time, or the body was evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoMemory;

impl BodyMemory {
    /// Memory of `max` bytes, or more, such that one body of `body_max` bytes and its records fit.
    pub(crate) fn new(max: usize, body_max: usize, wait_max: Duration) -> Self {
        let limits = Limits::new(max, body_max);
        let max = limits.total();
        Self(Arc::new(Inner {
            shares: Mutex::new(Shares::new(limits)),
            max,
            wait_max,
            refused: AtomicU64::new(0),
        }))
    }

    /// A permit for a body that has taken nothing yet. It will be of at most `announced` bytes.
    pub(crate) fn permit(&self, holder: ShareHolder, announced: usize) -> BodyPermit {
        BodyPermit {
            memory: self.clone(),
            held: Held::new(holder, announced),
            wake: Arc::default(),
            wait_left: self.0.wait_max,
        }
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.lock().used()
    }

    /// Bytes in total.
    pub(crate) fn max(&self) -> usize {
        self.0.max
    }

    /// How many requests were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }

    fn refuse(&self) -> NoMemory {
        self.0.refused.fetch_add(1, Relaxed);
        NoMemory
    }

    /// A poisoned lock is fine: no code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Shares> {
        self.0.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit for the memory of a request body, released when it is dropped.
///
/// A request holds it until its response, because its records take as much memory again. This bounds the
/// memory of all concurrent requests.
#[derive(Debug)]
pub(crate) struct BodyPermit {
    memory: BodyMemory,
    held: Held,
    /// Notified when memory may be free, and when the body is evicted.
    wake: Arc<Notify>,
    wait_left: Duration,
}

impl BodyPermit {
    /// Grows to a number of bytes. Waits while no memory is free.
    ///
    /// # Errors
    /// [`NoMemory`]
    pub(crate) async fn grow_to(&mut self, bytes: usize) -> Result<(), NoMemory> {
        if bytes <= self.held.bytes() {
            return Ok(());
        }
        loop {
            let verdict = self.memory.lock().grow(&mut self.held, bytes, &self.wake);
            match verdict {
                Verdict::Granted => return Ok(()),
                Verdict::Evicted => return Err(self.memory.refuse()),
                Verdict::Wait => {}
            }
            let began = Instant::now();
            // The turn of another body may also end without an event.
            let pause = self.wait_left.min(TURN_CHECK);
            drop(tokio::time::timeout(pause, self.wake.notified()).await);
            self.wait_left = self.wait_left.saturating_sub(began.elapsed());
            if self.wait_left.is_zero() {
                return Err(self.memory.refuse());
            }
        }
    }

    /// Completes when the body is evicted: its memory is needed for another.
    pub(crate) async fn evicted(&self) -> NoMemory {
        if !self.held.can_be_evicted() {
            std::future::pending::<()>().await;
        }
        while !self.memory.lock().is_evicted(&self.held) {
            self.wake.notified().await;
        }
        self.memory.refuse()
    }

    /// Marks the body as complete: it needs no more memory, and is not evicted any more.
    ///
    /// # Errors
    /// [`NoMemory`] if it was evicted before.
    pub(crate) fn complete(&mut self) -> Result<(), NoMemory> {
        // Only memory beyond that for small bodies may be needed by others.
        if !self.held.can_be_evicted() || self.memory.lock().complete(&mut self.held) {
            Ok(())
        } else {
            Err(self.memory.refuse())
        }
    }
}

impl Drop for BodyPermit {
    fn drop(&mut self) {
        self.memory.lock().release(&mut self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1_024 * 1_024;

    fn memory() -> BodyMemory {
        BodyMemory::new(40 * MIB, 16 * MIB, Duration::from_secs(5))
    }

    /// Receives a body in steps as from a fast client, and holds it for a moment.
    async fn receive(
        memory: BodyMemory,
        tenant: &'static str,
        bytes: usize,
    ) -> Result<(), NoMemory> {
        let mut permit = memory.permit(ShareHolder::of_tenant(tenant), bytes);
        let mut arrived = 0;
        while arrived < bytes {
            arrived = bytes.min(arrived + 64 * 1_024);
            permit.grow_to(arrived).await?;
            assert!(memory.used() <= memory.max());
            tokio::task::yield_now().await;
        }
        permit.complete()?;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn large_bodies_of_one_holder_take_turns() {
        let memory = memory();
        let bodies = (0..12).map(|_| tokio::spawn(receive(memory.clone(), "a", 15 * MIB)));
        for body in bodies.collect::<Vec<_>>() {
            assert_eq!(body.await.unwrap(), Ok(()));
        }
        assert_eq!(memory.used(), 0);
    }

    #[tokio::test]
    async fn bodies_of_many_holders_never_deadlock() {
        let memory = memory();
        let began = Instant::now();
        let tenants = ["a", "b", "c", "d", "e"];
        let bodies: Vec<_> = (tenants.iter().cycle().take(40))
            .map(|tenant| tokio::spawn(receive(memory.clone(), tenant, 15 * MIB)))
            .collect();
        let mut completed = 0;
        for body in bodies {
            completed += usize::from(body.await.unwrap().is_ok());
        }
        assert!(completed >= 5, "{completed}");
        // None of them has waited in vain.
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(memory.used(), 0);
    }

    #[tokio::test]
    async fn a_full_holder_stops_neither_others_nor_small_bodies() {
        let memory = memory();
        let mut stuck = Vec::new();
        for _ in 0..60 {
            let mut permit = memory.permit(ShareHolder::of_tenant("a"), 16 * MIB);
            if tokio::time::timeout(Duration::from_millis(10), permit.grow_to(MIB)).await.is_ok() {
                stuck.push(permit);
            }
        }
        receive(memory.clone(), "b", 16 * MIB).await.unwrap();
        receive(memory.clone(), "b", 1_000).await.unwrap();
        receive(memory.clone(), "a", 1_000).await.unwrap();
    }

    #[tokio::test]
    async fn a_body_without_memory_is_refused_in_time() {
        let memory = BodyMemory::new(0, 1_000, Duration::from_millis(100));
        let mut permits = Vec::new();
        let began = Instant::now();
        loop {
            let mut permit = memory.permit(ShareHolder::of_tenant("a"), 1_000);
            if permit.grow_to(1_000).await.is_err() {
                break;
            }
            permit.complete().unwrap();
            permits.push(permit);
        }
        assert!(!permits.is_empty() && memory.used() <= memory.max());
        assert!(began.elapsed() >= Duration::from_millis(100));
        drop(permits);
        assert_eq!(memory.used(), 0);
    }
}
