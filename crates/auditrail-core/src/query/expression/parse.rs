//! Gives each term its type.

use std::str::FromStr;

use jiff::Timestamp;

use super::error::ExpressionError;
use super::key::{self, Key};
use super::lexer::{self, RawTerm, RawValue};
use super::{ActorMatch, Condition, Expression, TargetMatch, Term};
use crate::actor::ActorType;
use crate::error::{ErrorCode, ValueError};
use crate::inet::parse_network;
use crate::limits::EXPRESSION_PHRASES_MAX;
use crate::query::bounds;
use crate::query::values::{ActionFilter, MetadataFilter};
use crate::time::RecordTime;
use crate::words::Phrase;

/// A parsed expression, and whether it has a time relative to the clock.
pub(in crate::query) struct Parsed {
    pub(in crate::query) expression: Expression,
    pub(in crate::query) is_relative: bool,
}

impl Expression {
    /// Parses an expression. Durations such as `since:7d` are subtracted from `now`.
    ///
    /// # Errors
    /// Every invalid term, or the first mistake in quotes, blanks and limits; at least one.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, Vec<ExpressionError>> {
        parse(text, now).map(|parsed| parsed.expression)
    }
}

pub(in crate::query) fn parse(text: &str, now: Timestamp) -> Result<Parsed, Vec<ExpressionError>> {
    let raw = lexer::terms(text).map_err(|error| vec![error])?;
    let mut parser = Parser { now, is_relative: false, phrases: 0 };
    let (mut terms, mut errors) = (Vec::new(), Vec::new());
    for term in &raw {
        match parser.condition(term) {
            Ok(condition) => terms.push(Term { is_excluded: term.is_excluded, condition }),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let Some(expression) = Expression::new(terms) else {
        let detail = "has no term; write a word, a \"phrase\" or key:value";
        return Err(vec![ExpressionError::new(1, ErrorCode::Empty, detail)]);
    };
    Ok(Parsed { expression, is_relative: parser.is_relative })
}

struct Parser {
    now: Timestamp,
    is_relative: bool,
    /// Words and phrases so far.
    phrases: usize,
}

impl Parser {
    fn condition(&mut self, term: &RawTerm) -> Result<Condition, ExpressionError> {
        let values = term.values.as_slice();
        let Some((name, position)) = &term.key else {
            return self.phrase(&values[0]).map(Condition::Text);
        };
        let Some(key) = Key::parse(name) else {
            return Err(ExpressionError::new(
                *position,
                ErrorCode::UnknownField,
                key::advice(name),
            ));
        };
        if key != Key::Agent
            && let Some(value) = values.iter().find(|value| value.has_star)
        {
            return Err(ExpressionError::new(value.position, ErrorCode::BadFormat, STAR_OF_VALUE));
        }
        Ok(match key {
            Key::Actor => Condition::Actor(each(values, actor)?),
            Key::ActorId => Condition::ActorId(each(values, FromStr::from_str)?),
            Key::ActorType => Condition::ActorType(each(values, FromStr::from_str)?),
            Key::Action => Condition::Action(each(values, action)?),
            Key::Target => Condition::Target(each(values, target)?),
            Key::TargetId => Condition::TargetId(each(values, FromStr::from_str)?),
            Key::TargetType => Condition::TargetType(each(values, FromStr::from_str)?),
            Key::Tenant => Condition::Tenant(each(values, FromStr::from_str)?),
            Key::Request => Condition::Request(each(values, FromStr::from_str)?),
            Key::Outcome => Condition::Outcome(each(values, FromStr::from_str)?),
            Key::Ip => {
                Condition::Ip(each(values, |text| parse_network(text).map(|ip| ip.trunc()))?)
            }
            Key::Id => Condition::Id(each(values, FromStr::from_str)?),
            Key::Agent => {
                let phrases = values.iter().map(|value| self.phrase(value));
                Condition::Agent(phrases.collect::<Result<_, _>>()?)
            }
            Key::Since => Condition::Since(self.time(term, *position)?),
            Key::Until => Condition::Until(self.time(term, *position)?),
            Key::Metadata(key) => {
                if key.is_empty() {
                    let detail = "the key of the metadata must follow the dot: metadata.plan:pro";
                    return Err(ExpressionError::new(*position, ErrorCode::Empty, detail));
                }
                Condition::Metadata(each(values, |text| MetadataFilter::new(key, text))?)
            }
        })
    }

    /// A word or a phrase, which may end with a star.
    fn phrase(&mut self, value: &RawValue) -> Result<Phrase, ExpressionError> {
        let position = value.position;
        self.phrases += 1;
        if self.phrases > EXPRESSION_PHRASES_MAX {
            let detail =
                format!("is one more than the {EXPRESSION_PHRASES_MAX} words and phrases allowed");
            return Err(ExpressionError::new(position, ErrorCode::TooMany, detail));
        }
        if value.is_quoted {
            return Phrase::new(&value.text, value.has_star)
                .map_err(|error| ExpressionError::of_value(position, &error));
        }
        if matches!(value.text.as_str(), "AND" | "OR" | "NOT") || value.text.starts_with('(') {
            return Err(ExpressionError::new(position, ErrorCode::BadFormat, NO_OPERATORS));
        }
        let text = value.text.strip_suffix('*').unwrap_or(&value.text);
        if let Some(star) = text.chars().position(|c| c == '*') {
            return Err(ExpressionError::new(position + star, ErrorCode::BadFormat, STAR_IN_WORD));
        }
        Phrase::new(text, text.len() < value.text.len())
            .map_err(|error| ExpressionError::of_value(position, &error))
    }

    fn time(&mut self, term: &RawTerm, position: usize) -> Result<RecordTime, ExpressionError> {
        let error = |position, code, detail| Err(ExpressionError::new(position, code, detail));
        if term.is_excluded {
            let detail =
                "a time is not excluded: use since for times from then on, until for those before";
            return error(position, ErrorCode::BadFormat, detail);
        }
        if let [_, second, ..] = term.values.as_slice() {
            return error(second.position, ErrorCode::TooMany, "since and until have one value");
        }
        let value = &term.values[0];
        let bound = bounds::parse(&value.text, self.now)
            .map_err(|error| ExpressionError::of_value(value.position, &error))?;
        self.is_relative |= bound.is_relative;
        Ok(bound.time)
    }
}

const STAR_OF_VALUE: &str = "a star after a quote is for words and phrases alone";
const STAR_IN_WORD: &str =
    "a star stands at the end of a word; to search for a star itself, put the text in quotes";
const NO_OPERATORS: &str = "there are no operators and no brackets: every term must apply, a minus sign \
    excludes one, and action:a.b,c.d is either; to search for this text itself, put it in quotes";

fn each<T>(
    values: &[RawValue],
    parse: impl Fn(&str) -> Result<T, ValueError>,
) -> Result<Vec<T>, ExpressionError> {
    let parsed = values.iter().map(|value| {
        parse(&value.text).map_err(|error| ExpressionError::of_value(value.position, &error))
    });
    parsed.collect()
}

/// An id; with the name of a type and a colon before it an actor of that type.
fn actor(text: &str) -> Result<ActorMatch, ValueError> {
    let kind = text.split_once(':').map_or(text, |(kind, _)| kind);
    let is_exact = match kind.parse::<ActorType>() {
        Ok(ActorType::System) => true,
        Ok(ActorType::User | ActorType::ApiKey) => text.contains(':'),
        Err(_) => false,
    };
    if is_exact { text.parse().map(ActorMatch::Exact) } else { text.parse().map(ActorMatch::Id) }
}

/// An id; with a colon in it a type and an id.
fn target(text: &str) -> Result<TargetMatch, ValueError> {
    if text.contains(':') {
        text.parse().map(TargetMatch::Exact)
    } else {
        text.parse().map(TargetMatch::Id)
    }
}

/// An action, or a prefix that ends with a dot and a star.
fn action(text: &str) -> Result<ActionFilter, ValueError> {
    match text.parse()? {
        ActionFilter::Exact(exact) if exact.as_str().contains('*') => {
            Err(ValueError::BadFormat { expected: "an action, or a prefix such as project.*" })
        }
        filter => Ok(filter),
    }
}
