//! Finding keys again and again over one connection.

use std::collections::HashMap;

use auditrail_core::{ApiKey, KeyHash};
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};

use super::find;
use crate::error::StoreError;

/// Finds keys over a connection that it keeps from one call to the next, for whoever asks all the
/// time: taking one from the pool and giving it back costs two more round trips.
///
/// It takes the connection with the first call, and gives it back when it is dropped. Do not keep it
/// beyond a burst of calls: the pool cannot close or renew what it does not have.
#[derive(Debug)]
pub struct KeyFinder {
    pool: PgPool,
    held: Option<PoolConnection<Postgres>>,
}

impl KeyFinder {
    pub(super) const fn new(pool: PgPool) -> Self {
        Self { pool, held: None }
    }

    /// As [`PgKeys::find_by_hashes`](super::PgKeys::find_by_hashes). A connection that turns out to be
    /// lost is replaced once.
    ///
    /// # Errors
    /// As there.
    pub async fn find_by_hashes(
        &mut self,
        hashes: &[KeyHash],
    ) -> Result<HashMap<KeyHash, Result<ApiKey, StoreError>>, StoreError> {
        // It is out of its place while it is used, so a call that is cut off leaves none half-used.
        if let Some(mut held) = self.held.take() {
            match find::by_hashes(&mut held, hashes).await {
                Err(StoreError::Unreachable { .. }) => drop(held),
                answer => {
                    self.held = Some(held);
                    return answer;
                }
            }
        }
        let fresh = self.pool.acquire().await;
        let mut fresh = fresh.map_err(StoreError::while_trying_to("get a connection"))?;
        let found = find::by_hashes(&mut fresh, hashes).await?;
        self.held = Some(fresh);
        Ok(found)
    }
}
