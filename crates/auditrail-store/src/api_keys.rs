//! The API keys: making, finding, listing and revoking them.
//!
//! One statement, one function, one file. Every change of a key and the audit record of it are one
//! transaction: neither is there without the other.

mod find;
mod first;
mod insert;
mod list;
mod record;
mod revoke;
mod row;

use auditrail_core::{
    Actor, ApiKey, ApiKeyHash, ApiKeyId, ApiKeySecret, FieldError, NewApiKey, PageSize, RecordId,
    RequestContext, TenantId,
};
pub use find::{ApiKeysByHash, VersionedApiKey};
pub use list::ApiKeyPage;
use sqlx::{PgPool, PgTransaction};
use uuid::Uuid;

use crate::clock;
use crate::error::StoreError;
use crate::records::write::insert_one;
use crate::sessions::Sessions;

/// The API keys in the database of a pool.
///
/// Cheap to clone. The role of the pool needs what [`grants`](crate::grants) gives to a service.
#[derive(Clone, Debug)]
pub struct PgApiKeys {
    pool: PgPool,
    /// Where keys are looked up, if not over the pool.
    sessions: Option<Sessions>,
}

/// A key that was just made.
#[derive(Debug)]
pub struct IssuedApiKey {
    /// What is kept of it.
    pub key: ApiKey,
    /// The key itself. It cannot be had again.
    pub secret: ApiKeySecret,
}

/// What revoking found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The key was not revoked before; now it is, and there is a record of it.
    Now(ApiKey),
    /// The key was revoked before. Nothing was changed or recorded.
    Before(ApiKey),
}

impl Revoked {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &ApiKey {
        match self {
            Self::Now(key) | Self::Before(key) => key,
        }
    }
}

impl PgApiKeys {
    /// Takes a pool. Nothing is asked of the database yet.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self { pool, sessions: None }
    }

    /// Looks keys up over these connections instead of the pool, each time in a single round trip.
    #[must_use]
    pub fn with_sessions(mut self, sessions: Sessions) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Makes a key, and the record that `by` made it.
    ///
    /// # Errors
    /// [`StoreError::InvalidApiKey`] when it would have expired already; otherwise whatever keeps the
    /// database from writing. When the connection was lost during the commit there may be a key that
    /// nobody holds; it shows in the list and can be revoked.
    pub async fn create(
        &self,
        new: &NewApiKey,
        by: &Actor,
        context: &RequestContext,
    ) -> Result<IssuedApiKey, StoreError> {
        self.create_in(self.begin().await?, new, by, context).await
    }

    async fn create_in(
        &self,
        mut tx: PgTransaction<'static>,
        new: &NewApiKey,
        by: &Actor,
        context: &RequestContext,
    ) -> Result<IssuedApiKey, StoreError> {
        let now = clock::now();
        new.check_expiry(now).map_err(|error| StoreError::InvalidApiKey {
            error: FieldError::new("/expires_at", &error),
        })?;
        let random = clock::key_bytes()?;
        let secret = ApiKeySecret::from_random(&new.env, &random);
        let hash = secret.hash();
        let key = ApiKey {
            id: ApiKeyId::from(Uuid::from(clock::new_id(now)?)),
            hint: secret.hint(),
            name: new.name.clone(),
            scopes: new.scopes,
            tenant_id: new.tenant_id.clone(),
            created_at: now,
            created_by: by.clone(),
            expires_at: new.expires_at,
            revoked_at: None,
        };
        let record = record::created(&key, &hash, by, context)?;
        insert::key((&mut *tx).into(), &key, &hash).await?;
        self.record_and_commit(tx, record.into_record(clock::new_id(now)?, now)).await?;
        Ok(IssuedApiKey { key, secret })
    }

    /// Makes a key as [`create`](Self::create) does, if there has never been one: of several programs
    /// at once only the first makes it. `None` when there is one already, be it revoked.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn create_first(
        &self,
        new: &NewApiKey,
        by: &Actor,
        context: &RequestContext,
    ) -> Result<Option<IssuedApiKey>, StoreError> {
        let mut tx = self.begin().await?;
        if !first::is_none_there((&mut *tx).into()).await? {
            return Ok(None);
        }
        self.create_in(tx, new, by, context).await.map(Some)
    }

    /// Finds the keys with these hashes, active or not: whether to let one in is the caller's
    /// decision, with [`ApiKey::state`]. A hash that no key has is left out.
    ///
    /// It is one statement, so all answers tell of one moment after the call.
    ///
    /// # Errors
    /// Whatever keeps the database from answering; [`StoreError::CorruptApiKey`] is the error of one key
    /// and does not touch the others.
    pub async fn find_by_hashes(&self, hashes: &[ApiKeyHash]) -> Result<ApiKeysByHash, StoreError> {
        let Some(sessions) = &self.sessions else {
            return find::by_hashes((&mut *self.acquire().await?).into(), hashes).await;
        };
        sessions.read(&find::ByHashes(hashes)).await
    }

    /// Finds the key with this hash, as [`find_by_hashes`](Self::find_by_hashes) does.
    ///
    /// # Errors
    /// Whatever keeps the database from answering, and [`StoreError::CorruptApiKey`].
    pub async fn find_by_hash(
        &self,
        hash: &ApiKeyHash,
    ) -> Result<Option<VersionedApiKey>, StoreError> {
        self.find_by_hashes(&[*hash]).await?.remove(hash).transpose()
    }

    /// Finds the key with this id.
    ///
    /// # Errors
    /// Whatever keeps the database from answering.
    pub async fn get(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        find::by_id((&mut *self.acquire().await?).into(), id).await
    }

    /// Lists keys, oldest first, revoked and expired ones too: of one tenant or of all, `size` at most,
    /// those after the key `after`.
    ///
    /// # Errors
    /// Whatever keeps the database from answering.
    pub async fn list(
        &self,
        tenant: Option<&TenantId>,
        after: Option<ApiKeyId>,
        size: PageSize,
    ) -> Result<ApiKeyPage, StoreError> {
        list::page((&mut *self.acquire().await?).into(), tenant, after, size).await
    }

    /// Revokes a key, of one tenant or of any, and records that `by` did. Revoking it again changes
    /// and records nothing.
    ///
    /// `None` when there is no such key, or it is not one of the tenant's.
    ///
    /// The last key with the scope `admin` can be revoked too: a key that has leaked must be shut out
    /// whatever else it opened, and whoever has the database can make another.
    ///
    /// # Errors
    /// Whatever keeps the database from writing.
    pub async fn revoke(
        &self,
        id: ApiKeyId,
        tenant: Option<&TenantId>,
        by: &Actor,
        context: &RequestContext,
    ) -> Result<Option<Revoked>, StoreError> {
        let now = clock::now();
        let mut tx = self.begin().await?;
        // Of two at once the second waits here, and then finds that nothing is left to do.
        let Some(key) = revoke::active((&mut *tx).into(), id, tenant, now).await? else {
            let found = find::by_id((&mut *tx).into(), id).await?;
            let own = found.filter(|key| tenant.is_none() || key.tenant_id.as_ref() == tenant);
            return Ok(own.map(Revoked::Before));
        };
        let record = record::revoked(&key, by, context)?;
        self.record_and_commit(tx, record.into_record(clock::new_id(now)?, now)).await?;
        Ok(Some(Revoked::Now(key)))
    }

    async fn record_and_commit(
        &self,
        mut tx: PgTransaction<'static>,
        record: auditrail_core::Record,
    ) -> Result<(), StoreError> {
        let id: RecordId = record.id;
        if insert_one((&mut *tx).into(), &record).await?.is_none() {
            return Err(StoreError::IdConflict { id });
        }
        tx.commit().await.map_err(StoreError::while_trying_to("commit a change of an API key"))
    }

    async fn acquire(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>, StoreError> {
        self.pool.acquire().await.map_err(StoreError::while_trying_to("get a connection"))
    }

    async fn begin(&self) -> Result<PgTransaction<'static>, StoreError> {
        self.pool.begin().await.map_err(StoreError::while_trying_to("start a transaction"))
    }
}
