//! Reads rows of the table of rules.

use auditrail_core::{
    Action, ActionFilter, Actor, KeepDays, RetentionRule, RetentionRuleId, TenantId, ValueError,
};
use uuid::Uuid;

use crate::db::Row;
use crate::error::StoreError;
use crate::value::PgTime;

/// The columns that [`rule`] reads, in order.
macro_rules! columns {
    () => {
        "id, tenant_id, action, keep_days::bigint, created_at, created_by, changed_at, changed_by"
    };
}
pub(super) use columns;

/// Reads a row of exactly [`columns!`].
pub(super) fn rule(row: &Row) -> Result<RetentionRule, StoreError> {
    let doing = "read a rule of retention";
    let id: Uuid = row.get(0).map_err(StoreError::while_trying_to(doing))?;
    let id = RetentionRuleId::from(id);
    let text = |column| -> Result<Option<String>, StoreError> {
        row.get(column).map_err(StoreError::while_trying_to(doing))
    };
    let time = |column| -> Result<PgTime, StoreError> {
        row.get(column).map_err(StoreError::while_trying_to(doing))
    };
    let keep_days: Option<i64> = row.get(3).map_err(StoreError::while_trying_to(doing))?;
    // The check constraints of the table prevent this, unless they were dropped.
    let corrupt = |source| StoreError::CorruptRule { id, source };
    let actor = |column| -> Result<Actor, StoreError> {
        text(column)?.unwrap_or_default().parse().map_err(corrupt)
    };
    Ok(RetentionRule {
        id,
        tenant_id: text(1)?.map(TenantId::from_stored),
        action: text(2)?.as_deref().map(action),
        keep_days: keep_days.map(KeepDays::new).transpose().map_err(corrupt)?,
        created_at: time(4)?.0,
        created_by: actor(5)?,
        changed_at: time(6)?.0,
        changed_by: actor(7)?,
    })
}

/// Plain SQL can write an action that no filter accepts; such a rule applies to exactly that action.
fn action(text: &str) -> ActionFilter {
    text.parse().unwrap_or_else(|_: ValueError| ActionFilter::Exact(Action::from_stored(text)))
}
