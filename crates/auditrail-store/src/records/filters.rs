//! The one place that puts a statement together from parts: the conditions of a search.
//!
//! Every value is bound; the text of a statement holds nothing a caller sent.

mod metadata;

use auditrail_core::{ActionFilter, ActionPrefix, ActorType, Filters, TimeRange};

use super::lead::{ACTION, Lead, is_address};
use super::{actions, kinds};
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// The filters of a search, ready to become conditions.
#[derive(Debug)]
pub(super) struct Conditions<'a> {
    filters: &'a Filters,
    action: Option<ActionCondition<'a>>,
    kind: Option<KindCondition>,
}

/// How an action is looked for.
#[derive(Debug)]
enum ActionCondition<'a> {
    Exact(&'a str),
    /// The filter was a prefix, and these are all actions that have it.
    AnyOf(Vec<String>),
    /// The filter was a prefix that too many actions have to list them.
    Prefix(&'a ActionPrefix),
}

/// What a filter for one of actor type and target type implies for the other. It narrows nothing:
/// their common index is ordered by time only where both are known.
#[derive(Debug)]
enum KindCondition {
    ActorTypes,
    TargetTypes(Vec<String>),
}

impl<'a> Conditions<'a> {
    /// Prepares the filters; some ask the database which values there are.
    pub(super) async fn of(mut db: Db<'_>, filters: &'a Filters) -> Result<Self, StoreError> {
        let action = match &filters.action {
            None => None,
            Some(ActionFilter::Exact(action)) => Some(ActionCondition::Exact(action.as_str())),
            Some(ActionFilter::Prefix(prefix)) => {
                Some(match actions::with_prefix(db.again(), prefix).await? {
                    Some(actions) => ActionCondition::AnyOf(actions),
                    None => ActionCondition::Prefix(prefix),
                })
            }
        };
        let kind = match (filters.actor_type, &filters.target_type) {
            (Some(actor_type), None) => {
                kinds::targets_of(db, actor_type).await?.map(KindCondition::TargetTypes)
            }
            (None, Some(_)) => Some(KindCondition::ActorTypes),
            _ => None,
        };
        Ok(Self { filters, action, kind })
    }

    /// The filters these are.
    pub(super) const fn filters(&self) -> &'a Filters {
        self.filters
    }

    /// Whether no record can match, which the listing of values has found out already.
    pub(super) fn match_nothing(&self) -> bool {
        matches!(&self.action, Some(ActionCondition::AnyOf(actions)) if actions.is_empty())
            || matches!(&self.kind, Some(KindCondition::TargetTypes(types)) if types.is_empty())
    }

    /// Adds the table and the conditions to a statement; more conditions may follow with `and`.
    pub(super) fn push_from_where(&self, sql: &mut Sql) {
        self.push_from_where_but(sql, Lead::Time);
    }

    /// The same without the condition of a lead, which is added in a form of its own.
    pub(super) fn push_from_where_but(&self, sql: &mut Sql, lead: Lead<'_>) {
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
            ("actor_id", actor_id.as_ref().map(AsRef::as_ref)),
            ("actor_type", actor_type.map(|kind| kind.as_str())),
            ("target_type", target_type.as_ref().map(AsRef::as_ref)),
            ("target_id", target_id.as_ref().map(AsRef::as_ref)),
            ("tenant_id", tenant_id.as_ref().map(AsRef::as_ref)),
            ("request_id", request_id.as_ref().map(AsRef::as_ref)),
        ];
        for (column, text) in texts {
            if let Some(text) = text.filter(|_| !lead.is(column)) {
                sql.push(" and ").push(column).push(" = ").push_bind(text);
            }
        }
        if !lead.is(ACTION) {
            self.push_action(sql);
        }
        self.push_kind(sql);
        if let Some(network) = ip_address.filter(|_| !matches!(lead, Lead::Address(_))) {
            // An index for `=` also serves a stretch of time.
            let within =
                if is_address(&network) { " and ip_address = " } else { " and ip_address <<= " };
            sql.push(within).push_bind(network);
        }
        push_times(sql, created_at);
        for filter in metadata {
            metadata::push(sql, filter);
        }
    }

    fn push_action(&self, sql: &mut Sql) {
        match &self.action {
            None => {}
            Some(ActionCondition::Exact(action)) => {
                sql.push(r#" and action collate "C" = "#).push_bind(*action);
            }
            Some(ActionCondition::AnyOf(actions)) => {
                sql.push(r#" and action collate "C" = any("#).push_bind_array(actions).push(")");
            }
            Some(ActionCondition::Prefix(prefix)) => {
                sql.push(r#" and action collate "C" >= "#).push_bind(prefix.as_str());
                sql.push(r#" and action collate "C" < "#).push_bind(actions::end(prefix));
            }
        }
    }

    fn push_kind(&self, sql: &mut Sql) {
        match &self.kind {
            None => {}
            Some(KindCondition::ActorTypes) => {
                let types = [ActorType::User, ActorType::System, ActorType::ApiKey];
                let types: Vec<_> = types.map(ActorType::as_str).to_vec();
                sql.push(" and actor_type = any(").push_bind_array(types).push(")");
            }
            Some(KindCondition::TargetTypes(types)) => {
                sql.push(" and target_type = any(").push_bind_array(types).push(")");
            }
        }
    }
}

/// Adds the stretch of time.
pub(super) fn push_times(sql: &mut Sql, range: &TimeRange) {
    if let Some(start) = range.start() {
        sql.push(" and created_at >= ").push_bind(PgTime(start));
    }
    if let Some(end) = range.end() {
        sql.push(" and created_at < ").push_bind(PgTime(end));
    }
}
