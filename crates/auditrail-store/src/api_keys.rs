//! API keys: create, look up, list and revoke.
//!
//! One file and function per statement. A change of a key and its audit record are one transaction.

mod find;
mod first;
mod insert;
mod list;
mod record;
mod revoke;
mod row;

use std::collections::HashSet;

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
/// Cheap to clone. The role of the pool needs the privileges of a service, see [`grants`](crate::grants).
#[derive(Clone, Debug)]
pub struct PgApiKeys {
    pool: PgPool,
    /// Connections for lookups, if not the pool.
    sessions: Option<Sessions>,
}

/// A new key.
#[derive(Debug)]
pub struct IssuedApiKey {
    /// The stored key.
    pub key: ApiKey,
    /// The secret. It is not stored and cannot be retrieved later.
    pub secret: ApiKeySecret,
}

/// The outcome of a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// This call revoked the key and recorded that.
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
    /// Over a pool. Does not connect yet.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self { pool, sessions: None }
    }

    /// Looks up keys over these connections instead of the pool, in a single round trip each.
    #[must_use]
    pub fn with_sessions(mut self, sessions: Sessions) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Creates a key, and records that `by` did.
    ///
    /// # Errors
    /// [`StoreError::InvalidApiKey`] when its expiry has passed; otherwise errors of the database. When the
    /// connection was lost during the commit, a key may exist whose secret is lost; it is listed and can be
    /// revoked.
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

    /// As [`create`](Self::create), if there has never been a key: of several concurrent calls only one
    /// creates it. `None` when there is a key, even a revoked one.
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
        if !first::lock_if_empty((&mut *tx).into()).await? {
            return Ok(None);
        }
        self.create_in(tx, new, by, context).await.map(Some)
    }

    /// Looks up the keys with these hashes, active or not; the caller checks [`ApiKey::state`]. Unknown
    /// hashes are omitted.
    ///
    /// It is a single statement, so all keys are from one snapshot after the call.
    ///
    /// # Errors
    /// Errors of the database; [`StoreError::CorruptApiKey`] is the error of one key and does not affect the
    /// others.
    pub async fn find_by_hashes(&self, hashes: &[ApiKeyHash]) -> Result<ApiKeysByHash, StoreError> {
        let Some(sessions) = &self.sessions else {
            return find::by_hashes((&mut *self.acquire().await?).into(), hashes).await;
        };
        sessions.read(&find::ByHashes(hashes)).await
    }

    /// Looks up the key with this hash, as [`find_by_hashes`](Self::find_by_hashes) does.
    ///
    /// # Errors
    /// Errors of the database, and [`StoreError::CorruptApiKey`].
    pub async fn find_by_hash(
        &self,
        hash: &ApiKeyHash,
    ) -> Result<Option<VersionedApiKey>, StoreError> {
        self.find_by_hashes(&[*hash]).await?.remove(hash).transpose()
    }

    /// Looks up the key with this id.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn get(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        find::by_id((&mut *self.acquire().await?).into(), id).await
    }

    /// Returns those of the ids that belong to a key, active or not.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn existing(&self, ids: &[ApiKeyId]) -> Result<HashSet<ApiKeyId>, StoreError> {
        match &self.sessions {
            Some(sessions) => sessions.read(&find::Existing(ids)).await,
            None => find::existing((&mut *self.acquire().await?).into(), ids).await,
        }
    }

    /// Lists keys, oldest first, including revoked and expired ones: of one tenant or of all, at most `size`,
    /// after the key `after`.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn list(
        &self,
        tenant: Option<&TenantId>,
        after: Option<ApiKeyId>,
        size: PageSize,
    ) -> Result<ApiKeyPage, StoreError> {
        list::page((&mut *self.acquire().await?).into(), tenant, after, size).await
    }

    /// Revokes a key, of one tenant or of any, and records that `by` did. Idempotent: a repeated call changes
    /// and records nothing.
    ///
    /// `None` when there is no such key, or it belongs to another tenant.
    ///
    /// The last key with the scope `admin` can be revoked as well: it must be possible to revoke any leaked
    /// key, and a user with access to the database can create another one.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn revoke(
        &self,
        id: ApiKeyId,
        tenant: Option<&TenantId>,
        by: &Actor,
        context: &RequestContext,
    ) -> Result<Option<Revoked>, StoreError> {
        let now = clock::now();
        let mut tx = self.begin().await?;
        // Of two concurrent calls the second waits here, and then has nothing to revoke.
        let Some(key) = revoke::active((&mut *tx).into(), id, tenant, now).await? else {
            let key = find::by_id((&mut *tx).into(), id)
                .await?
                .filter(|key| tenant.is_none() || key.tenant_id.as_ref() == tenant);
            return Ok(key.map(Revoked::Before));
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
