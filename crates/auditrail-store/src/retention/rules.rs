//! The rules: list, set and remove.

mod delete;
mod list;
mod record;
mod row;
mod upsert;

use auditrail_core::limits::RETENTION_RULES_MAX;
use auditrail_core::{
    Actor, CreateInput, NewRetentionRule, Record, RequestContext, RetentionRule, RetentionRuleId,
    TenantId,
};
use sqlx::{PgPool, PgTransaction};
use uuid::Uuid;

use crate::clock;
use crate::error::StoreError;
use crate::records::write::insert_one;

/// The rules of retention in the database of a pool.
///
/// Cheap to clone. The role of the pool needs the privileges of a service, see [`grants`](crate::grants); a reader
/// can list rules.
#[derive(Clone, Debug)]
pub struct PgRetention {
    pool: PgPool,
}

/// The result of setting a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleChange {
    /// There was no rule for these records.
    Created(RetentionRule),
    /// The rule kept them for another time.
    Changed(RetentionRule),
    /// The rule is as it was. Nothing was recorded.
    Unchanged(RetentionRule),
}

impl RuleChange {
    /// The rule.
    #[must_use]
    pub const fn rule(&self) -> &RetentionRule {
        match self {
            Self::Created(rule) | Self::Changed(rule) | Self::Unchanged(rule) => rule,
        }
    }
}

impl PgRetention {
    /// Over a pool. Does not connect yet.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Lists the rules, at most [`RETENTION_RULES_MAX`]: all of them, or those that apply to records of one tenant,
    /// which includes those of all tenants. Rules of all tenants come first, then by tenant and action.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn rules(&self, tenant: Option<&TenantId>) -> Result<Vec<RetentionRule>, StoreError> {
        let mut db =
            self.pool.acquire().await.map_err(StoreError::while_trying_to("get a connection"))?;
        list::rules((&mut *db).into(), tenant).await
    }

    /// Sets how long the records of a tenant and an action are kept, and records that `by` did. Idempotent.
    ///
    /// # Errors
    /// [`StoreError::TooManyRules`] beyond [`RETENTION_RULES_MAX`]; otherwise errors of the database.
    pub async fn set(
        &self,
        new: &NewRetentionRule,
        by: &Actor,
        context: &RequestContext,
    ) -> Result<RuleChange, StoreError> {
        let now = clock::now();
        let mut tx = self.begin().await?;
        let before = list::lock_all((&mut *tx).into()).await?;
        let former =
            before.iter().find(|rule| rule.tenant_id == new.tenant_id && rule.action == new.action);
        match former {
            Some(rule) if rule.keep_days == new.keep_days => {
                return Ok(RuleChange::Unchanged(rule.clone()));
            }
            None if before.len() >= RETENTION_RULES_MAX => {
                return Err(StoreError::TooManyRules { max: RETENTION_RULES_MAX });
            }
            _ => {}
        }
        let rule = RetentionRule {
            id: former.map_or_else(
                || clock::new_id(now).map(|id| RetentionRuleId::from(Uuid::from(id))),
                |rule| Ok(rule.id),
            )?,
            tenant_id: new.tenant_id.clone(),
            action: new.action.clone(),
            keep_days: new.keep_days,
            created_at: former.map_or(now, |rule| rule.created_at),
            created_by: former.map_or_else(|| by.clone(), |rule| rule.created_by.clone()),
            changed_at: now,
            changed_by: by.clone(),
        };
        upsert::rule((&mut *tx).into(), &rule).await?;
        let record = record::set(&rule, former, by, context)?;
        record_and_commit(tx, record).await?;
        Ok(match former {
            Some(_) => RuleChange::Changed(rule),
            None => RuleChange::Created(rule),
        })
    }

    /// Removes a rule, and records that `by` did. `None` when there is no such rule.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn remove(
        &self,
        id: RetentionRuleId,
        by: &Actor,
        context: &RequestContext,
    ) -> Result<Option<RetentionRule>, StoreError> {
        let mut tx = self.begin().await?;
        let Some(rule) = delete::rule((&mut *tx).into(), id).await? else {
            return Ok(None);
        };
        let record = record::removed(&rule, by, context)?;
        record_and_commit(tx, record).await?;
        Ok(Some(rule))
    }

    async fn begin(&self) -> Result<PgTransaction<'static>, StoreError> {
        self.pool.begin().await.map_err(StoreError::while_trying_to("start a transaction"))
    }
}

async fn record_and_commit(
    mut tx: PgTransaction<'static>,
    input: CreateInput,
) -> Result<(), StoreError> {
    let now = clock::now();
    let record: Record = input.into_record(clock::new_id(now)?, now);
    if insert_one((&mut *tx).into(), &record).await?.is_none() {
        return Err(StoreError::IdConflict { id: record.id });
    }
    tx.commit().await.map_err(StoreError::while_trying_to("commit a change of a rule of retention"))
}
