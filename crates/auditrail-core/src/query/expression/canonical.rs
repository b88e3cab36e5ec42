//! The canonical form of an expression.

use std::fmt;

use super::lexer::is_blank;
use super::{ActorMatch, Condition, Expression, TargetMatch, Term};
use crate::inet::StoredAddress;
use crate::words::Phrase;

/// One blank between terms, the short names of keys, words in lower case, times in full, and quotes only where
/// they are necessary. Parsing it returns the same expression.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, term) in self.terms().iter().enumerate() {
            let separator = if number == 0 { "" } else { " " };
            write!(f, "{separator}{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_excluded {
            f.write_str("-")?;
        }
        match &self.condition {
            Condition::Text(phrase) => f.write_str(&word(phrase)),
            Condition::Agent(phrases) => {
                let phrases: Vec<String> = phrases.iter().map(value_of_agent).collect();
                write!(f, "agent:{}", phrases.join(","))
            }
            Condition::Actor(values) => list(f, "actor", values),
            Condition::ActorId(values) => list(f, "actor_id", values),
            Condition::ActorType(values) => list(f, "actor_type", values),
            Condition::Action(values) => list(f, "action", values),
            Condition::Target(values) => list(f, "target", values),
            Condition::TargetId(values) => list(f, "target_id", values),
            Condition::TargetType(values) => list(f, "target_type", values),
            Condition::Tenant(values) => list(f, "tenant", values),
            Condition::Request(values) => list(f, "request", values),
            Condition::Outcome(values) => list(f, "outcome", values),
            Condition::Ip(values) => {
                list(f, "ip", values.iter().map(|ip| StoredAddress::from(*ip)))
            }
            Condition::Id(values) => list(f, "id", values),
            Condition::Metadata(filters) => {
                let key = filters.first().map_or("", |filter| filter.key());
                list(f, &format!("metadata.{key}"), filters.iter().map(|filter| filter.value()))
            }
            Condition::Since(time) => list(f, "since", [time]),
            Condition::Until(time) => list(f, "until", [time]),
        }
    }
}

impl fmt::Display for ActorMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Exact(actor) => actor.fmt(f),
        }
    }
}

impl fmt::Display for TargetMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Exact(target) => target.fmt(f),
        }
    }
}

/// Writes a key and its values.
fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    key: &str,
    values: impl IntoIterator<Item = T>,
) -> fmt::Result {
    let values: Vec<String> =
        values.into_iter().map(|value| value_of(&value.to_string())).collect();
    write!(f, "{key}:{}", values.join(","))
}

/// A value, in quotes if it could not be read back otherwise.
fn value_of(text: &str) -> String {
    if text.is_empty() || text.contains(|c| is_blank(c) || matches!(c, ',' | '"')) {
        quoted(text)
    } else {
        text.to_owned()
    }
}

/// A phrase as the value of a key.
fn value_of_agent(phrase: &Phrase) -> String {
    let text = phrase.text();
    if text.contains(|c| is_blank(c) || matches!(c, ',' | '"' | '*' | '(')) {
        with_star(quoted(text), phrase)
    } else {
        with_star(text.to_owned(), phrase)
    }
}

/// A phrase as a term. Words such as `or` are in lower case, so they are no operators.
fn word(phrase: &Phrase) -> String {
    let text = phrase.text();
    let is_special = |c| is_blank(c) || matches!(c, ':' | '"' | '*');
    if text.contains(is_special) || text.starts_with(['-', '(']) {
        with_star(quoted(text), phrase)
    } else {
        with_star(text.to_owned(), phrase)
    }
}

fn with_star(mut text: String, phrase: &Phrase) -> String {
    if phrase.is_prefix() {
        text.push('*');
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}
