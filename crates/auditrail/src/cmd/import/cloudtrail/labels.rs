//! Outcome and names of a CloudTrail record.

use auditrail_core::limits::{ACTOR_NAME_MAX_CHARS, TARGET_NAME_MAX_CHARS};
use auditrail_core::{CreateInput, Outcome};

use super::event::Event;
use super::{actor, fit, target};

/// Sets the outcome, and the names for people, as they were at the time.
///
/// Insights and aggregated events have no outcome: they are statistics and not calls.
pub(super) fn set(input: CreateInput, event: &Event<'_>) -> CreateInput {
    let short = |name: String, max| fit::label(&name, max).into_owned();
    let actor_name = actor::name(event).map(|name| short(name, ACTOR_NAME_MAX_CHARS));
    let target_name = target::name(event).map(|name| short(name, TARGET_NAME_MAX_CHARS));
    CreateInput {
        outcome: outcome(event),
        // An empty name is none.
        actor_name: actor_name.and_then(|name| name.parse().ok()),
        target_name: target_name.and_then(|name| name.parse().ok()),
        ..input
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
