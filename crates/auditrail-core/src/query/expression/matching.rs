//! Applies an expression to a record in memory, with the result of the statements of a store.

use super::{ActorMatch, Condition, Expression, TargetMatch, Term};
use crate::query::comparison::{matches_action, matches_address, matches_metadata};
use crate::record::Record;
use crate::words::{text_of, user_agent_of};

impl Expression {
    /// Whether a stored record meets the condition of every term.
    ///
    /// The metadata must have the form that PostgreSQL prints, as that of a stored record has.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let exact =
            self.terms().iter().filter(|term| !matches!(term.condition, Condition::Text(_)));
        if !exact.into_iter().all(|term| term.matches(record)) {
            return false;
        }
        let mut text = None;
        self.terms().iter().all(|term| match &term.condition {
            Condition::Text(phrase) => {
                let text = text.get_or_insert_with(|| text_of(record));
                phrase.is_in_folded(text) != term.is_excluded
            }
            _ => true,
        })
    }
}

impl Term {
    fn matches(&self, record: &Record) -> bool {
        self.condition.matches(record) != self.is_excluded
    }
}

impl Condition {
    fn matches(&self, record: &Record) -> bool {
        let is = |text: Option<&str>, value: &str| text == Some(value);
        let (actor, target) = (&record.actor, &record.target);
        let target_id = target.target_id.as_str();
        match self {
            Self::Text(phrase) => phrase.is_in_folded(&text_of(record)),
            Self::Agent(phrases) => {
                let agent = user_agent_of(record);
                phrases.iter().any(|phrase| phrase.is_in_folded(&agent))
            }
            Self::Actor(values) => values.iter().any(|value| match value {
                ActorMatch::Id(id) => id.as_str() == actor.id(),
                ActorMatch::Exact(exact) => exact == actor,
            }),
            Self::ActorId(ids) => ids.iter().any(|id| id.as_str() == actor.id()),
            Self::ActorType(types) => types.contains(&actor.actor_type()),
            Self::Action(filters) => {
                filters.iter().any(|filter| matches_action(filter, record.action.as_str()))
            }
            Self::Target(values) => values.iter().any(|value| match value {
                TargetMatch::Id(id) => id.as_str() == target_id,
                TargetMatch::Exact(exact) => exact == target,
            }),
            Self::TargetId(ids) => ids.iter().any(|id| id.as_str() == target_id),
            Self::TargetType(types) => types.contains(&target.target_type),
            Self::Tenant(ids) => {
                ids.iter().any(|id| is(record.tenant_id.as_ref().map(AsRef::as_ref), id.as_str()))
            }
            Self::Request(ids) => {
                ids.iter().any(|id| is(record.request_id.as_ref().map(AsRef::as_ref), id.as_str()))
            }
            Self::Outcome(outcomes) => record.outcome.is_some_and(|own| outcomes.contains(&own)),
            Self::Ip(networks) => {
                networks.iter().any(|network| matches_address(*network, record.ip_address))
            }
            Self::Id(ids) => ids.contains(&record.id),
            Self::Metadata(filters) => {
                filters.iter().any(|filter| matches_metadata(filter, record.metadata.as_ref()))
            }
            Self::Since(time) => record.created_at >= *time,
            Self::Until(time) => record.created_at < *time,
        }
    }
}
