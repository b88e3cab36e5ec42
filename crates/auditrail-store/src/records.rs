//! The audit records: writing, finding, exporting and counting them.
//!
//! One statement, one function, one file; what a statement needs of its neighbours it takes as
//! arguments. No row leaves its file: callers see the types of `auditrail-core`.
//!
//! The order of searches is `(created_at, id)`, newest first; a cursor names the last record of a
//! page, so records that arrive between two pages neither repeat nor hide older ones.

mod columns;
mod read;
#[cfg(test)]
mod tests;
pub(crate) mod write;

use std::collections::HashMap;

use auditrail_core::{
    AuditLogService, BatchOutcome, CreateInput, Created, CursorKey, Filters, Found, OnInvalid,
    Page, Query, Record, RecordId,
};
use futures_util::Stream;
use sqlx::{PgConnection, PgPool};

pub use read::summary::{
    ActionCount, ActorCount, BUCKETS_MAX, BucketCount, Interval, RECENT_MAX, RECENT_OF_VALUE_MAX,
    Summary, SummaryOptions, TargetCount,
};

use crate::error::StoreError;
use crate::key_version::{self, ApiKeyVersion};
use crate::sessions::Sessions;
use read::over_sessions::{Get, GetMany, Search};
use read::search::{SEARCH, find};
use read::{export, get, summary};
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
    /// Where searches and single records are read, if not over the pool.
    sessions: Option<Sessions>,
    cursor_key: CursorKey,
}

impl PgAuditLog {
    /// Takes a pool and the key that signs cursors. Nothing is asked of the database yet.
    #[must_use]
    pub const fn new(pool: PgPool, cursor_key: CursorKey) -> Self {
        Self { pool, sessions: None, cursor_key }
    }

    /// Reads pages and single records over these connections instead of the pool: most of them in a
    /// single round trip, with the check of an API key included.
    #[must_use]
    pub fn with_sessions(mut self, sessions: Sessions) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// The pool.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The key that signs cursors, to read those that callers send.
    #[must_use]
    pub const fn cursor_key(&self) -> &CursorKey {
        &self.cursor_key
    }

    /// Writes one record in the caller's own transaction, so that it is there exactly when what it
    /// tells of is.
    ///
    /// Otherwise as [`AuditLogService::create`]. No refusal but that of the database leaves the
    /// transaction unusable: an id that is taken is found out before anything fails.
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

    /// Finds one page of records, newest first, with the cursor of the next.
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
        let found = match &self.sessions {
            Some(sessions) => sessions.read(&Search { query, key }).await?,
            None => {
                self.verify(key).await?;
                self.query(query).await?
            }
        };
        Ok(Page::new(query, found, &self.cursor_key))
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

    /// Verifies a key in a statement of its own.
    async fn verify(&self, key: Option<ApiKeyVersion>) -> Result<(), StoreError> {
        let Some(key) = key else { return Ok(()) };
        let mut db = self.acquire().await?;
        match key_version::is_current((&mut *db).into(), key).await? {
            true => Ok(()),
            false => Err(StoreError::KeyChanged),
        }
    }

    /// Streams every record that matches, oldest first, all from one state of the table.
    ///
    /// Takes constant memory however many there are, and holds one connection and one snapshot until
    /// it ends or is dropped. A snapshot keeps the server from cleaning up, so do not leave it lying
    /// about half-read.
    pub fn export(
        &self,
        filters: Filters,
    ) -> impl Stream<Item = Result<Record, StoreError>> + Send + 'static {
        export::stream(self.pool.clone(), filters)
    }

    /// Counts what matches, by actor, by action, by target and by time, all from one state of the table.
    ///
    /// # Errors
    /// Whatever keeps the database from answering.
    pub async fn summary(
        &self,
        filters: &Filters,
        options: SummaryOptions,
    ) -> Result<Summary, StoreError> {
        let tx = self.pool.begin_with(SEARCH).await;
        let mut tx = tx.map_err(StoreError::while_trying_to("start a summary"))?;
        let summary = summary::summary((&mut *tx).into(), filters, options).await?;
        // As after a search: nobody needs to wait for the end of what has written nothing.
        drop(tx);
        Ok(summary)
    }

    /// Gets the records with these ids, as far as they are there.
    ///
    /// # Errors
    /// Whatever keeps the database from answering; an unknown id is left out.
    pub async fn get_many(
        &self,
        ids: &[RecordId],
    ) -> Result<HashMap<RecordId, Record>, StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| *id.as_uuid()).collect();
        match &self.sessions {
            Some(sessions) => sessions.read(&GetMany(&ids)).await,
            None => get::by_ids((&mut *self.acquire().await?).into(), &ids).await,
        }
    }

    async fn acquire(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>, StoreError> {
        let connection = self.pool.acquire().await;
        connection.map_err(StoreError::while_trying_to("get a connection"))
    }

    async fn begin(&self) -> Result<sqlx::PgTransaction<'static>, StoreError> {
        let tx = self.pool.begin().await;
        tx.map_err(StoreError::while_trying_to("start a transaction"))
    }
}

impl AuditLogService for PgAuditLog {
    type Error = StoreError;

    async fn create(&self, input: CreateInput) -> Result<Created, StoreError> {
        create::one((&mut *self.acquire().await?).into(), input).await
    }

    /// One record that a rule of the database refuses (none of ours: the types hold those) refuses
    /// the whole batch, with [`OnInvalid::Skip`] too.
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
        // A page, its number of matches and the actions of a prefix must tell of the same table. A
        // transaction also keeps a pooler in between from planning here and running elsewhere.
        let tx = self.pool.begin_with(SEARCH).await;
        let mut tx = tx.map_err(StoreError::while_trying_to("start a search"))?;
        let found = find((&mut *tx).into(), query).await?;
        // It has written nothing, so nobody needs to wait for its end.
        drop(tx);
        Ok(found)
    }

    async fn get(&self, id: RecordId) -> Result<Option<Record>, StoreError> {
        get::by_id((&mut *self.acquire().await?).into(), id).await
    }
}
