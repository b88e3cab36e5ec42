//! Shares of a limited resource, such as the database connections for reads: no share holder can use all of
//! it. While all of it is in use, one request of each holder waits for it, so that a holder with many requests
//! delays others by no more than one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};
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
    /// The holders with a request.
    holders: Mutex<HashMap<ShareHolder, Weak<Holder>>>,
}

/// The requests of one holder. It lives as long as one holds or awaits a share.
#[derive(Debug)]
struct Holder {
    permits: Arc<Semaphore>,
    /// Locked by the request that waits for the resource.
    turn: AsyncMutex<()>,
}

/// A used unit of the resource, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    _own: Option<(OwnedSemaphorePermit, Arc<Holder>)>,
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
        let holder = self.holder(holder);
        let own = permit(&holder.permits, deadline).await.ok_or(NoShare::OfHolder)?;
        let turn = timeout_at(deadline, holder.turn.lock()).await;
        let turn = turn.map_err(|_| NoShare::OfResource)?;
        let total = permit(&self.total, deadline).await.ok_or(NoShare::OfResource)?;
        drop(turn);
        Ok(Share { _own: Some((own, holder)), _total: total })
    }

    /// Takes a unit if one is free.
    pub(crate) fn try_take(&self, holder: &ShareHolder) -> Result<Share, NoShare> {
        let holder = self.holder(holder);
        let own = Arc::clone(&holder.permits).try_acquire_owned();
        let own = own.map_err(|_| NoShare::OfHolder)?;
        let total = Arc::clone(&self.total).try_acquire_owned();
        let total = total.map_err(|_| NoShare::OfResource)?;
        Ok(Share { _own: Some((own, holder)), _total: total })
    }

    /// As [`take`](Self::take), for an operation that the other requests of the same holder must not delay.
    pub(crate) async fn take_beyond_share(&self) -> Result<Share, NoShare> {
        let total = permit(&self.total, Instant::now() + self.wait).await;
        Ok(Share { _own: None, _total: total.ok_or(NoShare::OfResource)? })
    }

    fn holder(&self, holder: &ShareHolder) -> Arc<Holder> {
        let mut holders = self.holders();
        if let Some(known) = holders.get(holder).and_then(Weak::upgrade) {
            return known;
        }
        if holders.len() >= CLEANUP_FROM {
            holders.retain(|_, known| known.strong_count() > 0);
        }
        let permits = Arc::new(Semaphore::new(self.each));
        let new = Arc::new(Holder { permits, turn: AsyncMutex::default() });
        holders.insert(holder.clone(), Arc::downgrade(&new));
        new
    }

    /// Nothing panics while it holds this lock.
    fn holders(&self) -> MutexGuard<'_, HashMap<ShareHolder, Weak<Holder>>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit, or `None` at the deadline.
async fn permit(semaphore: &Arc<Semaphore>, deadline: Instant) -> Option<OwnedSemaphorePermit> {
    timeout_at(deadline, Arc::clone(semaphore).acquire_owned()).await.ok()?.ok()
}

#[cfg(test)]
mod tests;
