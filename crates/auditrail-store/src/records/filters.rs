//! The one place that puts a statement together from parts: the conditions of a search.
//!
//! Every value is bound; the text of a statement holds nothing a caller sent.

use auditrail_core::{ActionFilter, Filters, TimeRange};
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::actions;
use crate::error::StoreError;
use crate::wire::PgTime;

/// The filters of a search, ready to become conditions.
#[derive(Debug)]
pub(super) struct Conditions<'a> {
    filters: &'a Filters,
    action: Option<ActionCondition<'a>>,
}

/// How an action is looked for.
#[derive(Debug)]
enum ActionCondition<'a> {
    Exact(&'a str),
    /// The filter was a prefix, and these are all actions that have it.
    AnyOf(Vec<String>),
    /// The filter was a prefix, and the table has too many actions to list them.
    Prefix(&'a str),
}

impl<'a> Conditions<'a> {
    /// Prepares the filters; for a prefix of actions that asks the database which actions have it.
    pub(super) async fn of(
        db: &mut PgConnection,
        filters: &'a Filters,
    ) -> Result<Self, StoreError> {
        let action = match &filters.action {
            None => None,
            Some(ActionFilter::Exact(action)) => Some(ActionCondition::Exact(action.as_str())),
            Some(ActionFilter::Prefix(prefix)) => {
                Some(match actions::with_prefix(db, prefix).await? {
                    Some(actions) => ActionCondition::AnyOf(actions),
                    None => ActionCondition::Prefix(prefix.as_str()),
                })
            }
        };
        Ok(Self { filters, action })
    }

    /// Adds the table and the conditions to a statement; more conditions may follow with `and`.
    pub(super) fn push_from_where(&self, sql: &mut QueryBuilder<Postgres>) {
        let Filters {
            actor_id,
            actor_type,
            action: _,
            target_type,
            target_id,
            tenant_id,
            request_id,
            ip_address,
            created_at,
            metadata,
        } = self.filters;
        sql.push(" from control_plane.audit_logs where true");
        let texts = [
            (" and actor_id = ", actor_id.as_ref().map(AsRef::as_ref)),
            (" and actor_type = ", actor_type.map(|kind| kind.as_str())),
            (
                " and target_type = ",
                target_type.as_ref().map(AsRef::as_ref),
            ),
            (" and target_id = ", target_id.as_ref().map(AsRef::as_ref)),
            (" and tenant_id = ", tenant_id.as_ref().map(AsRef::as_ref)),
            (" and request_id = ", request_id.as_ref().map(AsRef::as_ref)),
        ];
        for (condition, text) in texts {
            if let Some(text) = text {
                sql.push(condition).push_bind::<&str>(text);
            }
        }
        self.push_action(sql);
        if let Some(network) = ip_address {
            sql.push(" and ip_address <<= ").push_bind(*network);
        }
        push_times(sql, created_at);
        for filter in metadata {
            sql.push(" and metadata ->> ").push_bind(filter.key());
            sql.push(" = ").push_bind(filter.value());
        }
    }

    fn push_action(&self, sql: &mut QueryBuilder<Postgres>) {
        match &self.action {
            None => {}
            Some(ActionCondition::Exact(action)) => {
                sql.push(" and action = ").push_bind(*action);
            }
            Some(ActionCondition::AnyOf(actions)) if actions.is_empty() => {
                sql.push(" and false");
            }
            Some(ActionCondition::AnyOf(actions)) => {
                sql.push(" and action = any(").push_bind(actions).push(")");
            }
            Some(ActionCondition::Prefix(prefix)) => {
                sql.push(" and starts_with(action, ")
                    .push_bind(*prefix)
                    .push(")");
            }
        }
    }
}

fn push_times(sql: &mut QueryBuilder<Postgres>, range: &TimeRange) {
    if let Some(start) = range.start() {
        sql.push(" and created_at >= ").push_bind(PgTime(start));
    }
    if let Some(end) = range.end() {
        sql.push(" and created_at < ").push_bind(PgTime(end));
    }
}
