//! Audit records: write, search, export and summarize.
//!
//! One file and function per statement. Rows do not leave their file: the interface has the types of
//! `auditrail-core`.
//!
//! The order of searches is `(created_at, id)`, newest or oldest first. A cursor is a record at the end of a page,
//! so records that arrive between two pages neither repeat nor hide others.

mod aggregate;
pub(crate) mod columns;
mod read;
#[cfg(test)]
mod tests;
pub(crate) mod write;

use std::collections::HashMap;

use auditrail_core::{
    AuditLogService, BatchOutcome, CreateInput, Created, CursorKey, FeedPosition, FeedQuery,
    Filters, Found, OnInvalid, Page, Query, Record, RecordId,
};
use futures_util::Stream;
use sqlx::{PgConnection, PgPool};

pub(crate) use columns::size_in_memory;
pub(crate) use read::conditions::RECORD_TEXT;
pub use read::facets::{FacetCounts, FacetsOptions, ValueCount};
pub use read::feed::FeedBatch;
pub(crate) use read::feed::entry_ids;
pub use read::get::StoredParts;
pub use read::histogram::{HistogramBucket, HistogramOptions, TimeHistogram};
pub(crate) use read::matching::matching;
pub use read::summary::{
    ActionCount, ActorCount, BUCKETS_MAX, BucketCount, RECENT_MAX, RECENT_OF_VALUE_MAX, Summary,
    SummaryOptions, TargetCount,
};

pub use read::values::{FieldValues, ValuesOptions};

use crate::error::StoreError;
use crate::key_version::{self, ApiKeyVersion};
use crate::sessions::{Read, Sessions};
use read::over_sessions::{Get, GetMany, GetStoredParts, Head, Known, Search};
use read::search::{beginning, find};
use read::{export, feed, get};
use write::create;

/// The audit log in the database of a pool.
///
/// Cheap to clone. The role of the pool needs USAGE on the schema `control_plane` and SELECT and
/// INSERT on `control_plane.audit_logs`, nothing else.
///
/// ```no_run
/// # async fn record(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// use auditrail_core::{Action, Actor, AuditLogService, CreateInput, CursorKey, Query};
/// use auditrail_store::PgAuditLog;
///
/// let log = PgAuditLog::new(pool, CursorKey::public());
/// let actor = Actor::user("u1")?;
/// let input = CreateInput::new(actor, Action::ProjectCreated, "project:p1".parse()?);
/// let record = log.create(input).await?.into_record();
/// let newest = log.page(&Query::default()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PgAuditLog {
    pool: PgPool,
    /// Connections for pages, single records and summaries, if not the pool.
    sessions: Option<Sessions>,
    /// Connections for records that were written, if not `sessions`.
    written: Option<Sessions>,
    /// Connections for exports, if not the pool.
    exports: Option<PgPool>,
    cursor_key: CursorKey,
}

impl PgAuditLog {
    /// Over a pool, with the key that signs cursors. Does not connect yet.
    #[must_use]
    pub const fn new(pool: PgPool, cursor_key: CursorKey) -> Self {
        Self { pool, sessions: None, written: None, exports: None, cursor_key }
    }

    /// Reads pages, single records and summaries over these connections instead of the pool: most pages in
    /// a single round trip, including the check of an API key.
    #[must_use]
    pub fn with_sessions(mut self, sessions: Sessions) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Reads records that were written before, for [`get_many`](Self::get_many), over these connections, so
    /// that searches cannot delay writes.
    #[must_use]
    pub fn with_sessions_for_written(mut self, sessions: Sessions) -> Self {
        self.written = Some(sessions);
        self
    }

    /// Exports over this pool, so that slow exports cannot delay anything else.
    #[must_use]
    pub fn with_export_pool(mut self, pool: PgPool) -> Self {
        self.exports = Some(pool);
        self
    }

    /// The connections for pages, single records and summaries, if not the pool.
    #[must_use]
    pub const fn sessions(&self) -> Option<&Sessions> {
        self.sessions.as_ref()
    }

    /// The connections for records that were written, if any.
    #[must_use]
    pub const fn sessions_for_written(&self) -> Option<&Sessions> {
        self.written.as_ref()
    }

    /// The pool for exports.
    #[must_use]
    pub fn export_pool(&self) -> &PgPool {
        self.exports.as_ref().unwrap_or(&self.pool)
    }

    /// The pool.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The key that signs cursors.
    #[must_use]
    pub const fn cursor_key(&self) -> &CursorKey {
        &self.cursor_key
    }

    /// Writes one record in the transaction of the caller, so that it commits together with the recorded
    /// change.
    ///
    /// Otherwise as [`AuditLogService::create`]. Only an error of the database makes the transaction
    /// unusable; a conflict or an invalid input does not.
    ///
    /// ```no_run
    /// # async fn rename(
    /// #     log: &auditrail_store::PgAuditLog,
    /// #     input: auditrail_core::CreateInput,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut tx = log.pool().begin().await?;
    /// sqlx::query("update project set name = 'new' where id = 1").execute(&mut *tx).await?;
    /// log.create_in(&mut tx, input).await?;
    /// tx.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`AuditLogService::create`].
    pub async fn create_in(
        &self,
        transaction: &mut PgConnection,
        input: CreateInput,
    ) -> Result<Created, StoreError> {
        create::one(transaction.into(), input).await
    }

    /// Reads one page of records, with the cursors of the next and of the one before.
    ///
    /// # Errors
    /// As [`AuditLogService::query`].
    pub async fn page(&self, query: &Query) -> Result<Page<Record>, StoreError> {
        self.page_with_key(query, None).await
    }

    /// As [`page`](Self::page), if the key is still at its version.
    ///
    /// # Errors
    /// As [`page`](Self::page), and [`StoreError::KeyChanged`].
    pub async fn page_with_key(
        &self,
        query: &Query,
        key: Option<ApiKeyVersion>,
    ) -> Result<Page<Record>, StoreError> {
        let result = match &self.sessions {
            Some(sessions) => sessions.read(&Search { query, key }).await?,
            None => {
                self.verify(key).await?;
                self.query(query).await?
            }
        };
        Ok(Page::new(query, result, &self.cursor_key))
    }

    /// The record with this id, if the key is still at its version.
    ///
    /// # Errors
    /// As [`AuditLogService::get`], and [`StoreError::KeyChanged`].
    pub async fn get_with_key(
        &self,
        id: RecordId,
        key: Option<ApiKeyVersion>,
    ) -> Result<Option<Record>, StoreError> {
        match &self.sessions {
            Some(sessions) => sessions.read(&Get { id, key }).await,
            None => {
                self.verify(key).await?;
                self.get(id).await
            }
        }
    }

    /// Verifies a key in a separate statement.
    async fn verify(&self, key: Option<ApiKeyVersion>) -> Result<(), StoreError> {
        let Some(key) = key else { return Ok(()) };
        let mut db = self.acquire().await?;
        if key_version::is_current((&mut *db).into(), key).await? {
            Ok(())
        } else {
            Err(StoreError::KeyChanged)
        }
    }

    /// Streams every match, oldest first, from one snapshot.
    ///
    /// Takes constant memory, and holds one connection and one snapshot until the stream ends or is dropped.
    /// A snapshot prevents vacuum, so do not keep an idle stream.
    pub fn export(
        &self,
        filters: Filters,
    ) -> impl Stream<Item = Result<Record, StoreError>> + Send + 'static {
        export::stream(self.export_pool().clone(), filters)
    }

    /// Reads the records with these ids.
    ///
    /// # Errors
    /// Errors of the database. Unknown ids are omitted.
    pub async fn get_many(
        &self,
        ids: &[RecordId],
    ) -> Result<HashMap<RecordId, Record>, StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| *id.as_uuid()).collect();
        match self.written.as_ref().or(self.sessions.as_ref()) {
            Some(sessions) => sessions.read(&GetMany(&ids)).await,
            None => get::by_ids((&mut *self.acquire().await?).into(), &ids).await,
        }
    }

    /// As [`get_many`](Self::get_many), only what callers do not provide.
    ///
    /// # Errors
    /// Errors of the database. Unknown ids are omitted.
    pub async fn stored_parts(
        &self,
        ids: &[RecordId],
    ) -> Result<HashMap<RecordId, StoredParts>, StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| *id.as_uuid()).collect();
        match self.written.as_ref().or(self.sessions.as_ref()) {
            Some(sessions) => sessions.read(&GetStoredParts(&ids)).await,
            None => get::stored_parts((&mut *self.acquire().await?).into(), &ids).await,
        }
    }

    /// Reads the next records of the sequence, ascending, if the key is still at its version.
    ///
    /// Examines at most 10,000 entries and returns about 4 MiB, so fewer records than requested do not mean that
    /// there are no more; see [`FeedBatch::has_more`].
    ///
    /// # Errors
    /// [`StoreError::PositionUnknown`], [`StoreError::KeyChanged`] and errors of the database.
    pub async fn feed(
        &self,
        query: &FeedQuery,
        key: Option<ApiKeyVersion>,
    ) -> Result<FeedBatch, StoreError> {
        self.feed_within(query, key, feed::BATCH_MAX_BYTES).await
    }

    /// As [`feed`](Self::feed), for a reader that holds fewer records in memory: up to a number of bytes, and at least
    /// one record.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub async fn feed_within(
        &self,
        query: &FeedQuery,
        key: Option<ApiKeyVersion>,
        max_bytes: usize,
    ) -> Result<FeedBatch, StoreError> {
        let mut progress = feed::Progress::new(query, max_bytes);
        loop {
            let found = self.read(&progress.step(key), key).await?;
            if let Some(batch) = progress.add(found) {
                return Ok(batch);
            }
        }
    }

    /// The position with the id of its record, if the log has it.
    ///
    /// # Errors
    /// [`StoreError::PositionUnknown`] and errors of the database.
    pub async fn position(&self, position: FeedPosition) -> Result<FeedPosition, StoreError> {
        self.read(&Known(position), None).await
    }

    /// The position after the last record of the sequence.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn head(&self) -> Result<FeedPosition, StoreError> {
        self.read(&Head, None).await
    }

    /// Reads over the sessions, or else in a transaction of the pool.
    pub(crate) async fn read<R: Read>(
        &self,
        read: &R,
        key: Option<ApiKeyVersion>,
    ) -> Result<R::Output, StoreError> {
        if let Some(sessions) = &self.sessions {
            return sessions.read(read).await;
        }
        self.verify(key).await?;
        let mut tx = self.begin().await?;
        read.read((&mut *tx).into()).await
    }

    async fn acquire(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>, StoreError> {
        self.pool.acquire().await.map_err(StoreError::while_trying_to("get a connection"))
    }

    async fn begin(&self) -> Result<sqlx::PgTransaction<'static>, StoreError> {
        self.pool.begin().await.map_err(StoreError::while_trying_to("start a transaction"))
    }
}

impl AuditLogService for PgAuditLog {
    type Error = StoreError;

    async fn create(&self, input: CreateInput) -> Result<Created, StoreError> {
        create::one((&mut *self.acquire().await?).into(), input).await
    }

    /// A record that a rule of the database rejects (such as a trigger of the user) fails the whole batch,
    /// even with [`OnInvalid::Skip`].
    async fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
    ) -> Result<BatchOutcome, StoreError> {
        let mut tx = self.begin().await?;
        let outcome = create::many((&mut *tx).into(), &inputs, on_invalid).await?;
        tx.commit().await.map_err(StoreError::while_trying_to("commit"))?;
        Ok(outcome)
    }

    async fn query(&self, query: &Query) -> Result<Found, StoreError> {
        // The page, the number of matches and the actions of a prefix must come from one snapshot. A
        // transaction also prevents a pooler from switching the server connection in between.
        let mut tx = self
            .pool
            .begin_with(beginning(query))
            .await
            .map_err(StoreError::while_trying_to("start a search"))?;
        let result = find((&mut *tx).into(), query).await?;
        // Read-only, so the caller need not wait for its end.
        drop(tx);
        Ok(result)
    }

    async fn get(&self, id: RecordId) -> Result<Option<Record>, StoreError> {
        get::by_id((&mut *self.acquire().await?).into(), id).await
    }
}
