//! Counts and lists of values over many records, each from one snapshot.

use auditrail_core::Filters;
use sqlx::PgTransaction;

use super::PgAuditLog;
use super::read::facets::{self, FacetCounts, FacetsOptions};
use super::read::histogram::{self, HistogramOptions, TimeHistogram};
use super::read::over_sessions::{CountByTime, CountValues, ListValues, Summarize};
use super::read::search::SEARCH;
use super::read::summary::{self, Summary, SummaryOptions};
use super::read::values::{self, FieldValues, ValuesOptions};
use crate::error::StoreError;

impl PgAuditLog {
    /// Counts the matches by actor, action, target and time.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn summary(
        &self,
        filters: &Filters,
        options: SummaryOptions,
    ) -> Result<Summary, StoreError> {
        if let Some(sessions) = &self.sessions {
            return sessions.read(&Summarize { filters, options }).await;
        }
        summary::summary((&mut *self.snapshot().await?).into(), filters, options).await
    }

    /// Counts the matches by buckets of time, the newest first, for as long as the budget allows.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn histogram(
        &self,
        filters: &Filters,
        options: HistogramOptions,
    ) -> Result<TimeHistogram, StoreError> {
        if let Some(sessions) = &self.sessions {
            return sessions.read(&CountByTime { filters, options }).await;
        }
        histogram::histogram((&mut *self.snapshot().await?).into(), filters, options).await
    }

    /// Counts the most frequent values of fields among the newest matches: as many as a recent
    /// [`summary`](Self::summary) counts, or fewer when that takes longer than the budget.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn facets(
        &self,
        filters: &Filters,
        options: FacetsOptions<'_>,
    ) -> Result<Vec<FacetCounts>, StoreError> {
        if let Some(sessions) = &self.sessions {
            return sessions.read(&CountValues { filters, options }).await;
        }
        facets::facets((&mut *self.snapshot().await?).into(), filters, options).await
    }

    /// Lists the values of a field with a prefix, by an index.
    ///
    /// Addresses, and the values of one tenant, are those of the newest
    /// [`RECENT_OF_VALUE_MAX`](crate::RECENT_OF_VALUE_MAX) records: no index has them in order.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn values(&self, options: ValuesOptions<'_>) -> Result<FieldValues, StoreError> {
        if let Some(sessions) = &self.sessions {
            return sessions.read(&ListValues(options)).await;
        }
        values::values((&mut *self.snapshot().await?).into(), options).await
    }

    /// A transaction with one snapshot. It is read-only, so no caller needs to wait for its end.
    async fn snapshot(&self) -> Result<PgTransaction<'static>, StoreError> {
        let started = self.pool.begin_with(SEARCH).await;
        started.map_err(StoreError::while_trying_to("start a transaction"))
    }
}
