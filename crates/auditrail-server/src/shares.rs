//! Shares of a limited resource, such as the database connections for reads: no share holder can use all of
//! it, and its requests wait for their own share before they wait for the resource.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::share_holder::ShareHolder;

/// Number of tracked holders from which those without a request are removed.
const CLEANUP_FROM: usize = 1_000;

/// A resource that share holders share.
#[derive(Debug)]
pub(crate) struct Shares {
    /// One permit for each unit of the resource.
    total: Arc<Semaphore>,
    /// Maximum for one holder.
    each: usize,
    /// How long a request waits for a share.
    wait: Duration,
    /// The holders with a request; a semaphore lives as long as a request holds or awaits a permit.
    holders: Mutex<HashMap<ShareHolder, Weak<Semaphore>>>,
}

/// A used unit of the resource, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    _own: Option<OwnedSemaphorePermit>,
    _total: OwnedSemaphorePermit,
}

/// No share was free in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoShare {
    /// The holder uses all it may.
    OfHolder,
    /// The resource is in use.
    OfResource,
}

impl Shares {
    /// A resource of so many units, of which a holder may use `each`; both at least 1.
    pub(crate) fn new(total: usize, each: usize, wait: Duration) -> Self {
        let total = Arc::new(Semaphore::new(total.clamp(1, Semaphore::MAX_PERMITS)));
        Self { total, each: each.max(1), wait, holders: Mutex::default() }
    }

    /// Takes a unit, and waits for one if necessary.
    pub(crate) async fn take(&self, holder: &ShareHolder) -> Result<Share, NoShare> {
        let deadline = Instant::now() + self.wait;
        let own = permit(self.semaphore_of(holder), deadline).await.ok_or(NoShare::OfHolder)?;
        self.take_any(Some(own), deadline).await
    }

    /// As [`take`](Self::take), for an operation that the other requests of the same holder must not delay.
    pub(crate) async fn take_beyond_share(&self) -> Result<Share, NoShare> {
        self.take_any(None, Instant::now() + self.wait).await
    }

    async fn take_any(
        &self,
        own: Option<OwnedSemaphorePermit>,
        deadline: Instant,
    ) -> Result<Share, NoShare> {
        let total = permit(Arc::clone(&self.total), deadline).await.ok_or(NoShare::OfResource)?;
        Ok(Share { _own: own, _total: total })
    }

    fn semaphore_of(&self, holder: &ShareHolder) -> Arc<Semaphore> {
        let mut holders = self.holders();
        if let Some(semaphore) = holders.get(holder).and_then(Weak::upgrade) {
            return semaphore;
        }
        if holders.len() >= CLEANUP_FROM {
            holders.retain(|_, semaphore| semaphore.strong_count() > 0);
        }
        let semaphore = Arc::new(Semaphore::new(self.each));
        holders.insert(holder.clone(), Arc::downgrade(&semaphore));
        semaphore
    }

    /// No holder of this lock panics.
    fn holders(&self) -> MutexGuard<'_, HashMap<ShareHolder, Weak<Semaphore>>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit, or `None` at the deadline.
async fn permit(semaphore: Arc<Semaphore>, deadline: Instant) -> Option<OwnedSemaphorePermit> {
    timeout_at(deadline, semaphore.acquire_owned()).await.ok()?.ok()
}
