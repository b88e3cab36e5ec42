//! Holds: what they cover is neither removed by retention nor erased.
//!
//! The SQL function `audit_log_is_held` decides what a hold covers. A change of holds locks the rules of retention, so that a
//! run either knows the hold or starts again.

mod row;

use auditrail_core::{
    Action, ActionFilter, Actor, CreateInput, FieldError, Filters, Metadata, RequestContext,
    Target, TargetId, TargetType, TimeRange,
};
use serde_json::json;
use sqlx::{PgPool, PgTransaction};
use uuid::Uuid;

use crate::clock;
use crate::db::Db;
use crate::error::StoreError;
use crate::records::write::insert_one;
use crate::sql::Sql;
use crate::value::PgTime;
pub use row::Hold;
use row::{columns, hold};

/// Most holds at once: each record that is to be removed is compared with all.
pub const HOLDS_MAX: usize = 1_000;

/// The holds in the database of a pool, whose role needs the privileges of a service.
#[derive(Clone, Debug)]
pub struct PgHolds {
    pool: PgPool,
}

/// A hold to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHold {
    /// The name, which no other hold has.
    pub name: String,
    /// Why the records are held.
    pub reason: String,
    /// The records: those with these values of actor, action, target, tenant, request, address and time. Other filters have no
    /// effect; see [`NewHold::unsupported`].
    pub filters: Filters,
}

/// Why a hold was not created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// There is a hold with the name.
    #[error("there is a hold with the name {name:?} already")]
    Exists {
        /// The name.
        name: String,
    },
    /// There are as many as there can be.
    #[error("there are {HOLDS_MAX} holds already; release one first")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NewHold {
    /// The name of a filter that holds do not have, if there is one.
    #[must_use]
    pub fn unsupported(&self) -> Option<&'static str> {
        let Filters { outcome, intents, metadata, q, .. } = &self.filters;
        let present = [
            ("outcome", outcome.is_some()),
            ("intents", intents.is_some()),
            ("metadata", !metadata.is_empty()),
            ("q", q.is_some()),
        ];
        present.into_iter().find(|(_, is_present)| *is_present).map(|(name, _)| name)
    }
}

impl PgHolds {
    /// Over a pool. Does not connect yet.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The holds by name; also those that were released, if `all`.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn list(&self, all: bool) -> Result<Vec<Hold>, StoreError> {
        let db = self.pool.acquire().await;
        let mut db = db.map_err(StoreError::while_trying_to("get a connection"))?;
        let sql = Sql::new(concat!(
            "select ",
            columns!(),
            " from control_plane.audit_log_holds
              where $1 or released_at is null
              order by name collate \"C\", created_at"
        ));
        let rows = Db::from(&mut *db).fetch(&sql.bind(all)).await;
        let rows = rows.map_err(StoreError::while_trying_to(row::DOING))?;
        rows.iter().map(hold).collect()
    }

    /// Creates a hold, and records that `by` did.
    ///
    /// # Errors
    /// [`HoldError`].
    pub async fn create(
        &self,
        new: &NewHold,
        by: &Actor,
        context: &RequestContext,
    ) -> Result<Hold, HoldError> {
        let mut tx = self.begin().await?;
        let present = lock(&mut tx).await?;
        if present.iter().any(|hold| hold.name == new.name) {
            return Err(HoldError::Exists { name: new.name.clone() });
        }
        if present.len() >= HOLDS_MAX {
            return Err(HoldError::TooMany);
        }
        let id = Uuid::from(clock::new_id(clock::now())?);
        let rows = Db::from(&mut *tx).fetch(&insert_sql(id, new, by)).await;
        let rows = rows.map_err(StoreError::while_trying_to("create a hold"))?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound);
        let hold = hold(row.map_err(StoreError::while_trying_to("create a hold"))?)?;
        record_and_commit(tx, &hold, "audit_log.hold_created", by, context).await?;
        Ok(hold)
    }

    /// Releases the hold of this name, and records that `by` did. `None` if there is none.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn release(
        &self,
        name: &str,
        by: &Actor,
        context: &RequestContext,
    ) -> Result<Option<Hold>, StoreError> {
        // PostgreSQL has no NUL in text, so no hold has such a name.
        if name.contains('\0') {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        lock(&mut tx).await?;
        let sql = Sql::new(concat!(
            "update control_plane.audit_log_holds set released_at = now(), released_by = $2
              where name = $1 and released_at is null returning ",
            columns!()
        ))
        .bind(name)
        .bind(by.to_string());
        let rows = Db::from(&mut *tx).fetch(&sql).await;
        let rows = rows.map_err(StoreError::while_trying_to("release a hold"))?;
        let Some(released) = rows.first().map(hold).transpose()? else { return Ok(None) };
        record_and_commit(tx, &released, "audit_log.hold_released", by, context).await?;
        Ok(Some(released))
    }

    async fn begin(&self) -> Result<PgTransaction<'static>, StoreError> {
        self.pool.begin().await.map_err(StoreError::while_trying_to("start a transaction"))
    }
}

/// The holds, which nothing else changes until the transaction ends.
async fn lock(tx: &mut PgTransaction<'static>) -> Result<Vec<Hold>, StoreError> {
    let doing = "lock the holds";
    for lock in [
        "lock table control_plane.audit_log_retention_rules in row exclusive mode",
        "lock table control_plane.audit_log_holds in share row exclusive mode",
    ] {
        let locked = Db::from(&mut **tx).fetch(&Sql::new(lock)).await;
        locked.map_err(StoreError::while_trying_to(doing))?;
    }
    let sql = Sql::new(concat!(
        "select ",
        columns!(),
        " from control_plane.audit_log_holds where released_at is null"
    ));
    let rows = Db::from(&mut **tx).fetch(&sql).await;
    rows.map_err(StoreError::while_trying_to(doing))?.iter().map(hold).collect()
}

fn insert_sql(id: Uuid, new: &NewHold, by: &Actor) -> Sql {
    let Filters { actor_id, actor_type, action, target_type, target_id, .. } = &new.filters;
    let Filters { tenant_id, request_id, ip_address, created_at, .. } = &new.filters;
    let action = action.as_ref().map(ActionFilter::to_string);
    let (since, until): (_, _) = times(created_at);
    Sql::new(concat!(
        "insert into control_plane.audit_log_holds
             (id, name, reason, actor_type, actor_id, action, target_type, target_id, tenant_id, request_id,
              ip_address, since_at, until_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) returning ",
        columns!()
    ))
    .bind(id)
    .bind(new.name.as_str())
    .bind(new.reason.as_str())
    .bind_optional(actor_type.map(auditrail_core::ActorType::as_str))
    .bind_optional(actor_id.as_ref().map(auditrail_core::ActorId::as_str))
    .bind_optional(action.as_deref())
    .bind_optional(target_type.as_ref().map(TargetType::as_str))
    .bind_optional(target_id.as_ref().map(TargetId::as_str))
    .bind_optional(tenant_id.as_ref().map(auditrail_core::TenantId::as_str))
    .bind_optional(request_id.as_ref().map(auditrail_core::RequestId::as_str))
    .bind_optional(*ip_address)
    .bind_optional(since)
    .bind_optional(until)
    .bind(by.to_string())
}

fn times(range: &TimeRange) -> (Option<PgTime>, Option<PgTime>) {
    (range.start().map(PgTime), range.end().map(PgTime))
}

async fn record_and_commit(
    mut tx: PgTransaction<'static>,
    hold: &Hold,
    action: &'static str,
    by: &Actor,
    context: &RequestContext,
) -> Result<(), StoreError> {
    let metadata = json!({"hold_id": hold.id, "reason": hold.reason, "filters": hold.filters});
    let metadata: Metadata = metadata.to_string().parse().map_err(|error| StoreError::Invalid {
        index: 0,
        error: FieldError::new("/metadata", &error),
    })?;
    let target = Target::new(
        TargetType::from_stored("audit_log_hold"),
        TargetId::from_stored(hold.name.as_str()),
    );
    let input = CreateInput::new(by.clone(), Action::from_stored(action), target)
        .with_context(context.clone())
        .with_metadata(metadata);
    let now = clock::now();
    let record = input.into_record(clock::new_id(now)?, now);
    if insert_one((&mut *tx).into(), &record).await?.is_none() {
        return Err(StoreError::IdConflict { id: record.id });
    }
    tx.commit().await.map_err(StoreError::while_trying_to("commit a change of a hold"))
}
