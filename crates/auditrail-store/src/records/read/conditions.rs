//! The conditions of a search, the only statements that are assembled from parts.
//!
//! Every value is bound; the text of a statement never contains input.

mod metadata;
mod terms;
mod text;

use auditrail_core::{
    ActionFilter, ActionPrefix, ActorType, Filters, Intents, Outcome, canonical_network,
    mapped_network,
};
use ipnet::IpNet;

use super::driving_index::{ACTION, DrivingIndex, is_address};
use super::times::push_times;
use super::{actions, target_types};
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;
pub(crate) use text::TEXT as RECORD_TEXT;

/// The filters of a search, with what they imply for the values in the table.
#[derive(Debug)]
pub(in crate::records) struct Conditions<'a> {
    filters: &'a Filters,
    action: Option<ActionCondition<'a>>,
    types: Option<TypeCondition>,
    /// Whether intents that have an outcome are left out.
    only_open_intents: bool,
}

/// The condition on intents. The function is called only for records with an unknown outcome.
const OPEN_INTENTS: &str = " and (outcome is distinct from 'unknown' \
     or control_plane.audit_intent_is_open(id, tenant_id))";

/// The condition on intents that have an outcome, which are left out.
const CLOSED_INTENTS: &str =
    " and outcome = 'unknown' and not control_plane.audit_intent_is_open(id, tenant_id)";

/// The condition on the action.
#[derive(Debug)]
enum ActionCondition<'a> {
    Exact(&'a str),
    /// The filter is a prefix, and these are all existing actions that match it.
    AnyOf(Vec<String>),
    /// The filter is a prefix that too many existing actions match to list them.
    Prefix(&'a ActionPrefix),
}

/// What a filter on the actor type implies for the target type, and the reverse. It does not narrow the
/// result: the common index of both is in the order of time only when both are known.
#[derive(Debug)]
enum TypeCondition {
    ActorTypes,
    TargetTypes(Vec<String>),
}

impl<'a> Conditions<'a> {
    /// Prepares the filters; some need the existing values from the database.
    pub(in crate::records) async fn of(
        mut db: Db<'_>,
        filters: &'a Filters,
    ) -> Result<Self, StoreError> {
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
        let types = match (filters.actor_type, &filters.target_type) {
            (Some(actor_type), None) => {
                target_types::targets_of(db, actor_type).await?.map(TypeCondition::TargetTypes)
            }
            (None, Some(_)) => Some(TypeCondition::ActorTypes),
            _ => None,
        };
        let only_open_intents = filters.intents != Some(Intents::All);
        Ok(Self { filters, action, types, only_open_intents })
    }

    /// The filters alone, for records that are found by other means than an index of a filter.
    pub(in crate::records) fn without_index(filters: &'a Filters) -> Self {
        let action = filters.action.as_ref().map(|action| match action {
            ActionFilter::Exact(action) => ActionCondition::Exact(action.as_str()),
            ActionFilter::Prefix(prefix) => ActionCondition::Prefix(prefix),
        });
        let only_open_intents = filters.intents != Some(Intents::All);
        Self { filters, action, types: None, only_open_intents }
    }

    /// With every intent, unless the filters ask for the open ones.
    pub(in crate::records) fn with_all_intents(mut self) -> Self {
        self.only_open_intents = self.filters.intents == Some(Intents::Open);
        self
    }

    /// The filters of the search.
    pub(in crate::records) const fn filters(&self) -> &'a Filters {
        self.filters
    }

    /// Whether the existing values already show that no record can match.
    pub(in crate::records) fn match_nothing(&self) -> bool {
        matches!(&self.action, Some(ActionCondition::AnyOf(actions)) if actions.is_empty())
            || matches!(&self.types, Some(TypeCondition::TargetTypes(types)) if types.is_empty())
    }

    /// Whether a record must have or lack words or phrases, which no index answers.
    pub(in crate::records) fn has_text(&self) -> bool {
        self.filters.has_text_terms()
    }

    /// Adds the condition on words and phrases, as one boolean value.
    pub(in crate::records) fn push_text_matches(&self, sql: &mut Sql) {
        match &self.filters.q {
            Some(expression) => text::push_matches(sql, expression),
            None => {
                sql.push("true");
            }
        }
    }

    /// Adds the table and the conditions to a statement; more conditions may follow with `and`.
    ///
    /// With words or phrases such a statement reads the text of every record that the other conditions leave.
    pub(in crate::records) fn push_from_where(&self, sql: &mut Sql) {
        self.push_from_where_but(sql, DrivingIndex::Time);
        self.push_text(sql);
    }

    /// As [`push_from_where`](Self::push_from_where) without words and phrases, and without the condition of the
    /// driving index, which [`DrivingIndex::push_condition`] adds.
    pub(in crate::records) fn push_from_where_but(&self, sql: &mut Sql, index: DrivingIndex<'_>) {
        self.push_filters(sql, index);
        if self.only_open_intents {
            sql.push(OPEN_INTENTS);
        }
    }

    /// Whether intents that have an outcome could match otherwise.
    pub(in crate::records) fn leave_out_intents(&self) -> bool {
        let can_be_intent = matches!(self.filters.outcome, None | Some(Outcome::Unknown));
        self.only_open_intents && can_be_intent
    }

    /// As [`push_from_where`](Self::push_from_where), with the intents that have an outcome.
    pub(in crate::records) fn push_from_where_with_closed_intents(&self, sql: &mut Sql) {
        self.push_filters(sql, DrivingIndex::Time);
        self.push_text(sql);
    }

    /// As [`push_from_where`](Self::push_from_where), with nothing but the intents that have an outcome.
    pub(in crate::records) fn push_from_where_closed_intents(&self, sql: &mut Sql) {
        self.push_filters(sql, DrivingIndex::Outcome(Outcome::Unknown));
        sql.push(CLOSED_INTENTS);
        self.push_text(sql);
    }

    /// Adds the condition on words and phrases, if there are any.
    fn push_text(&self, sql: &mut Sql) {
        if self.has_text() {
            sql.push(" and ");
            self.push_text_matches(sql);
        }
    }

    fn push_filters(&self, sql: &mut Sql, index: DrivingIndex<'_>) {
        let Filters {
            actor_id,
            actor_type,
            action: _,
            target_type,
            target_id,
            tenant_id,
            request_id,
            outcome,
            intents: _,
            ip_address,
            created_at,
            metadata,
            q,
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
            if let Some(text) = text.filter(|_| !index.is(column)) {
                sql.push(" and ").push(column).push(" = ").push_bind(text);
            }
        }
        if !index.is(ACTION) {
            self.push_action(sql);
        }
        self.push_types(sql);
        if let Some(network) = ip_address.filter(|_| !matches!(index, DrivingIndex::Address(_))) {
            sql.push(" and (");
            push_address(sql, network);
            sql.push(")");
        }
        if let Some(outcome) = outcome.filter(|_| !matches!(index, DrivingIndex::Outcome(_))) {
            sql.push(" and outcome = ").push_bind(outcome.as_str());
        }
        push_times(sql, created_at);
        for filter in metadata {
            sql.push(" and ");
            metadata::push(sql, filter);
        }
        if let Some(expression) = q {
            terms::push(sql, expression);
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

    fn push_types(&self, sql: &mut Sql) {
        match &self.types {
            None => {}
            Some(TypeCondition::ActorTypes) => {
                let types = [ActorType::User, ActorType::System, ActorType::ApiKey];
                let types: Vec<_> = types.map(ActorType::as_str).to_vec();
                sql.push(" and actor_type = any(").push_bind_array(types).push(")");
            }
            Some(TypeCondition::TargetTypes(types)) => {
                sql.push(" and target_type = any(").push_bind_array(types).push(")");
            }
        }
    }
}

/// Adds the condition on the address. Records from before migration 019 may have an IPv4 address in its mapped
/// form.
fn push_address(sql: &mut Sql, network: IpNet) {
    let network = canonical_network(network);
    // With `=` the index also serves a range of time.
    let within = if is_address(&network) { "ip_address = " } else { "ip_address <<= " };
    match mapped_network(network) {
        Some(mapped) => {
            sql.push(within).push_bind(network);
            sql.push(" or ").push(within).push_bind(mapped);
        }
        None => {
            sql.push(within).push_bind(network);
        }
    }
}
