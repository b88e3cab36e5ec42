//! Outcome and names of a CloudTrail record.

use super::event::Event;
use super::{actor, fit, target};

/// Most characters of a name.
const NAME_MAX_CHARS: usize = 200;

/// Whether the call succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Outcome {
    Success,
    Failure,
    /// It failed because the actor was not allowed to make it.
    Denied,
}

/// What a record says about its outcome, and names for people, as they were at the time.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Labels {
    /// `None` for Insights and aggregated events, which are statistics and not calls.
    pub(in super::super) outcome: Option<Outcome>,
    /// At most 200 characters.
    pub(in super::super) actor_name: Option<String>,
    /// At most 200 characters.
    pub(in super::super) target_name: Option<String>,
}

/// The labels of a record.
pub(super) fn of(event: &Event<'_>) -> Labels {
    let short = |name: String| fit::label(&name, NAME_MAX_CHARS).into_owned();
    Labels {
        outcome: outcome(event),
        actor_name: actor::name(event).map(short),
        target_name: target::name(event).map(short),
    }
}

/// Parts of the error codes with which services refuse a call, in lower case and without punctuation.
const DENIALS: [&str; 8] = [
    "accessdenied",
    "unauthorized",
    "notauthorized",
    "authorizationerror",
    "forbidden",
    "permissiondenied",
    "insufficientprivilege",
    "insufficientpermission",
];

fn outcome(event: &Event<'_>) -> Option<Outcome> {
    if event.statistic().is_some() {
        return None;
    }
    let code = event.text("errorCode");
    let message = event.text("errorMessage");
    let is_denial = code.as_deref().is_some_and(is_denial)
        || message.as_deref().is_some_and(|text| text.contains("is not authorized to perform"));
    if is_denial {
        return Some(Outcome::Denied);
    }
    if code.is_some() || message.is_some() || has_failed(event) {
        return Some(Outcome::Failure);
    }
    Some(Outcome::Success)
}

fn is_denial(code: &str) -> bool {
    let letters: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    let code = letters.to_ascii_lowercase();
    DENIALS.iter().any(|denial| code.contains(denial)) || code == "403"
}

/// Whether a sign-in event reports a failure, as `"responseElements": {"ConsoleLogin": "Failure"}`.
fn has_failed(event: &Event<'_>) -> bool {
    let Some(name) = event.text("eventName") else {
        return false;
    };
    ["responseElements", "serviceEventDetails"].iter().any(|part| {
        let part = event.members.members(part);
        let result = part.and_then(|part| part.text(&name));
        result.is_some_and(|text| text.eq_ignore_ascii_case("failure"))
    })
}

#[cfg(test)]
mod tests;
