//! A search expression, the value of the parameter `q`: `actor:ana -action:secret.* "prod db"`.
//!
//! `docs/search.md` has the grammar. `lexer` splits the text into terms, `parse` gives each its type, and
//! `Display` prints the canonical form, which parses to the same expression.

mod canonical;
mod error;
mod key;
mod lexer;
mod matching;
mod parse;

use crate::actor::{Actor, ActorType};
use crate::id::RecordId;
use crate::outcome::Outcome;
use crate::target::{Target, TargetType};
use crate::text::{ActorId, RequestId, TargetId, TenantId};
use crate::time::RecordTime;
use crate::words::Phrase;
use ipnet::IpNet;

use super::values::{ActionFilter, MetadataFilter};

pub use error::ExpressionError;
pub(super) use parse::parse;

/// A search expression: a record must meet the condition of every term. Has at least one term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression(Vec<Term>);

/// A term of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Whether a record must not meet the condition.
    pub is_excluded: bool,
    /// The condition.
    pub condition: Condition,
}

/// The condition of a term. Lists are never empty; one of their items must apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The text of the record has this word or phrase.
    Text(Phrase),
    /// The user agent has one of these words or phrases.
    Agent(Vec<Phrase>),
    /// One of these actors.
    Actor(Vec<ActorMatch>),
    /// One of these actor ids.
    ActorId(Vec<ActorId>),
    /// One of these kinds of actors.
    ActorType(Vec<ActorType>),
    /// One of these actions, or of these resources.
    Action(Vec<ActionFilter>),
    /// One of these targets.
    Target(Vec<TargetMatch>),
    /// One of these target ids.
    TargetId(Vec<TargetId>),
    /// One of these kinds of targets.
    TargetType(Vec<TargetType>),
    /// One of these tenants.
    Tenant(Vec<TenantId>),
    /// One of these requests.
    Request(Vec<RequestId>),
    /// One of these outcomes.
    Outcome(Vec<Outcome>),
    /// An address in one of these networks.
    Ip(Vec<IpNet>),
    /// One of these records.
    Id(Vec<RecordId>),
    /// One of these values of metadata; all have the same key.
    Metadata(Vec<MetadataFilter>),
    /// At this time or later.
    Since(RecordTime),
    /// Before this time.
    Until(RecordTime),
}

/// The value of `actor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActorMatch {
    /// An actor id of any type: `ana`.
    Id(ActorId),
    /// A type and an id: `user:ana`, `system`.
    Exact(Actor),
}

/// The value of `target`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetMatch {
    /// A target id of any type: `p1`.
    Id(TargetId),
    /// A type and an id: `project:p1`.
    Exact(Target),
}

impl Expression {
    /// An expression from its terms; `None` without any.
    #[must_use]
    pub fn new(terms: Vec<Term>) -> Option<Self> {
        (!terms.is_empty()).then_some(Self(terms))
    }

    /// The terms, at least one.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.0
    }

    /// The terms that search in text, which no exact index answers.
    pub fn text_terms(&self) -> impl Iterator<Item = &Term> {
        self.0.iter().filter(|term| term.is_text())
    }
}

impl Term {
    /// Whether the condition is one of words or phrases.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self.condition, Condition::Text(_) | Condition::Agent(_))
    }
}
