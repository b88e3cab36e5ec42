//! Values of columns that the service accepts, whatever the request contains.

use std::str::FromStr;

use auditrail_core::limits::ACTOR_ID_MAX_CHARS;
use auditrail_core::{Actor, ActorId};
use http::Method;

use crate::policy::column;

/// Maximum characters of a method, which the caller chooses.
const METHOD_MAX_CHARS: usize = 100;
pub(super) const UNKNOWN: &str = "unknown";

pub(super) fn method_text(method: &Method) -> &str {
    let method = method.as_str();
    method.get(..METHOD_MAX_CHARS).unwrap_or(method)
}

/// A name, unless it is empty.
pub(super) fn truncated<T: FromStr>(name: Option<&str>, max_chars: usize) -> Option<T> {
    parse_or_truncate(name.filter(|name| !name.is_empty())?, max_chars)
}

pub(super) fn actor(actor: &Actor) -> Actor {
    let clean = |id: &ActorId| {
        let is_valid = ActorId::from_str(id.as_str()).is_ok();
        if is_valid {
            id.clone()
        } else {
            parse_or_truncate(id.as_str(), ACTOR_ID_MAX_CHARS)
                .unwrap_or_else(|| ActorId::from_stored(UNKNOWN))
        }
    };
    match actor {
        Actor::User(id) => Actor::User(clean(id)),
        Actor::ApiKey(id) => Actor::ApiKey(clean(id)),
        Actor::System => Actor::System,
    }
}

/// Parses the text of a column, truncated and cleaned if necessary. `None` if it is empty and must not be.
pub(super) fn parse_or_truncate<T: FromStr>(text: &str, max_chars: usize) -> Option<T> {
    text.parse().ok().or_else(|| column(text, max_chars).parse().ok())
}
