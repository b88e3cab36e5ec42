//! The conditions of the terms of an expression that do not search in text.

use auditrail_core::ActionFilter;
use auditrail_core::expression::{ActorMatch, Condition, Expression, TargetMatch};

use super::metadata;
use super::push_address;
use crate::records::read::actions;
use crate::sql::Sql;
use crate::value::PgTime;

/// Adds the condition of each term that does not search in text.
pub(super) fn push(sql: &mut Sql, expression: &Expression) {
    for term in expression.terms().iter().filter(|term| !term.is_text()) {
        sql.push(" and (");
        push_condition(sql, &term.condition);
        // A column that is NULL meets no condition, so it is not excluded.
        sql.push(if term.is_excluded { ") is not true" } else { ")" });
    }
}

fn push_condition(sql: &mut Sql, condition: &Condition) {
    match condition {
        // Those are added by `text`.
        Condition::Text(_) | Condition::Agent(_) => {
            sql.push("true");
        }
        Condition::Actor(values) => each(sql, values, |sql, value| match value {
            ActorMatch::Id(id) => {
                sql.push("actor_id = ").push_bind(id.as_str());
            }
            ActorMatch::Exact(actor) => {
                sql.push("actor_type = ").push_bind(actor.actor_type().as_str());
                sql.push(" and actor_id = ").push_bind(actor.id());
            }
        }),
        Condition::Target(values) => each(sql, values, |sql, value| match value {
            TargetMatch::Id(id) => {
                sql.push("target_id = ").push_bind(id.as_str());
            }
            TargetMatch::Exact(target) => {
                sql.push("target_type = ").push_bind(target.target_type.as_str());
                sql.push(" and target_id = ").push_bind(target.target_id.as_str());
            }
        }),
        Condition::ActorId(ids) => any_of(sql, "actor_id", ids.iter().map(AsRef::as_ref)),
        Condition::ActorType(types) => {
            any_of(sql, "actor_type", types.iter().map(|kind| kind.as_str()));
        }
        Condition::TargetId(ids) => any_of(sql, "target_id", ids.iter().map(AsRef::as_ref)),
        Condition::TargetType(types) => any_of(sql, "target_type", types.iter().map(AsRef::as_ref)),
        Condition::Tenant(ids) => any_of(sql, "tenant_id", ids.iter().map(AsRef::as_ref)),
        Condition::Request(ids) => any_of(sql, "request_id", ids.iter().map(AsRef::as_ref)),
        Condition::Outcome(outcomes) => {
            any_of(sql, "outcome", outcomes.iter().map(|outcome| outcome.as_str()));
        }
        Condition::Action(filters) => each(sql, filters, push_action),
        Condition::Ip(networks) => {
            each(sql, networks, |sql, network| push_address(sql, *network));
        }
        Condition::Id(ids) => {
            sql.push("id = any(").push_bind_array(ids.iter().map(|id| *id.as_uuid())).push(")");
        }
        Condition::Metadata(filters) => each(sql, filters, metadata::push),
        Condition::Since(time) => {
            sql.push("created_at >= ").push_bind(PgTime(*time));
        }
        Condition::Until(time) => {
            sql.push("created_at < ").push_bind(PgTime(*time));
        }
    }
}

fn push_action(sql: &mut Sql, filter: &ActionFilter) {
    match filter {
        ActionFilter::Exact(action) => {
            sql.push(r#"action collate "C" = "#).push_bind(action.as_str());
        }
        ActionFilter::Prefix(prefix) => {
            sql.push(r#"action collate "C" >= "#).push_bind(prefix.as_str());
            sql.push(r#" and action collate "C" < "#).push_bind(actions::end(prefix));
        }
    }
}

fn any_of<'a>(sql: &mut Sql, column: &str, values: impl Iterator<Item = &'a str>) {
    sql.push(column).push(" = any(").push_bind_array(values).push(")");
}

/// Adds the conditions of alternatives.
fn each<T>(sql: &mut Sql, values: &[T], push: impl Fn(&mut Sql, &T)) {
    let mut before = "(";
    for value in values {
        sql.push(before);
        push(sql, value);
        before = ") or (";
    }
    sql.push(")");
}
