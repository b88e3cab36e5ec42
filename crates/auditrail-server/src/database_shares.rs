//! How share holders share the database connections of the service.
//!
//! Reads, exports and the management of API keys have connections of their own, and so do writes, lookups of
//! API keys and duplicates. A request takes its share before it takes a connection, so a request that gets
//! no connection is answered `overloaded`, and never as if the database were unreachable.

use std::time::Duration;

use auditrail_store::{PgAuditLog, Sessions};
use axum::http::StatusCode;
use tokio::time::timeout;

use crate::config::ServerConfig;
use crate::limits::{EXPORT_SHARE_WAIT, QUICK_READ, READ_SHARE_WAIT, RETRY_EXPORT, RETRY_SOON};
use crate::problem::Problem;
use crate::share_holder::ShareHolder;
use crate::shares::{NoShare, Share, Shares};
use crate::telemetry::metrics::{Metrics, SharedResource};

/// The connections that share holders share.
#[derive(Debug)]
pub(crate) struct DatabaseShares {
    reads: Shares,
    /// Reads that may read a large part of the table: half of `reads`, so that the others remain quick.
    slow_reads: Shares,
    exports: Shares,
    keys: Shares,
    metrics: Metrics,
}

impl DatabaseShares {
    /// Shares the connections of this log: a holder gets half of those for reads, exports and API keys.
    pub(crate) fn new(config: &ServerConfig, log: &PgAuditLog, metrics: Metrics) -> Self {
        let keys = log.pool().options().get_max_connections() as usize;
        let exports = log.export_pool().options().get_max_connections() as usize;
        let reads = log.sessions().map_or(keys, Sessions::max);
        let wait = READ_SHARE_WAIT.min(config.request_timeout / 2);
        let halved = |total: usize, wait: Duration| Shares::new(total, total.div_ceil(2), wait);
        Self {
            reads: halved(reads, wait),
            slow_reads: halved(reads.div_ceil(2), wait),
            exports: halved(exports, EXPORT_SHARE_WAIT.min(wait)),
            keys: halved(keys, wait),
            metrics,
        }
    }

    /// Runs a search. It may turn out to be slow, and then needs a share of the slow reads too: without one
    /// it ends, as its connection is one of those for quick reads.
    pub(crate) async fn search<T>(
        &self,
        holder: &ShareHolder,
        search: impl Future<Output = T>,
    ) -> Result<T, Problem> {
        let _share = self.read(holder).await?;
        let mut search = std::pin::pin!(search);
        if let Ok(found) = timeout(QUICK_READ, &mut search).await {
            return Ok(found);
        }
        let slow = self.slow_reads.try_take(holder);
        let _slow = slow.map_err(|_| self.overloaded(SharedResource::SlowReads))?;
        Ok(search.await)
    }

    /// For a single record.
    pub(crate) async fn read(&self, holder: &ShareHolder) -> Result<Share, Problem> {
        let share = self.reads.take(holder).await;
        share.map_err(|_| self.overloaded(SharedResource::Reads))
    }

    /// For the task that reads new records for all tails.
    pub(crate) async fn read_for_tails(&self) -> Result<Share, NoShare> {
        self.reads.take_beyond_share().await
    }

    /// For a count or for statistics, or for a tail that is behind.
    pub(crate) async fn slow_read(&self, holder: &ShareHolder) -> Result<[Share; 2], Problem> {
        let slow = self.slow_reads.take(holder).await;
        let slow = slow.map_err(|_| self.overloaded(SharedResource::SlowReads))?;
        Ok([slow, self.read(holder).await?])
    }

    /// For an export.
    pub(crate) async fn export(&self, holder: &ShareHolder) -> Result<Share, Problem> {
        self.exports.take(holder).await.map_err(|missing| {
            self.metrics.count_refused_share(SharedResource::Exports);
            too_many_exports(missing)
        })
    }

    /// For creating and listing API keys, and for rules of retention.
    pub(crate) async fn manage_keys(&self, holder: &ShareHolder) -> Result<Share, Problem> {
        let share = self.keys.take(holder).await;
        share.map_err(|_| self.overloaded(SharedResource::Keys))
    }

    /// For revoking an API key, which must be possible whatever the holder of the key, or of another key of the
    /// same tenant, does.
    pub(crate) async fn revoke_key(&self) -> Result<Share, Problem> {
        let share = self.keys.take_beyond_share().await;
        share.map_err(|_| self.overloaded(SharedResource::Keys))
    }

    fn overloaded(&self, resource: SharedResource) -> Problem {
        self.metrics.count_refused_share(resource);
        Problem::no_connection()
    }
}

fn too_many_exports(missing: NoShare) -> Problem {
    let (status, detail) = match missing {
        NoShare::OfHolder => (
            StatusCode::TOO_MANY_REQUESTS,
            "this API key, or the API keys of its tenant together, run as many exports as they may at \
             once; retry after one has ended",
        ),
        NoShare::OfResource => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the service runs as many exports as it may at once; retry after the time in Retry-After",
        ),
    };
    let after = if missing == NoShare::OfHolder { RETRY_EXPORT } else { RETRY_SOON };
    Problem::new(status, "too_many_exports", "Too many exports", detail).retry_after(after)
}
