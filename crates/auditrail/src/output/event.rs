//! Messages of `serve` as lines of its JSON log.

use serde::Serialize;

use super::{ErrorFields, safe};
use crate::clock;

/// The fields of the service's events, in their order.
#[derive(Serialize)]
struct Event<'a> {
    timestamp: String,
    level: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ErrorFields<'a>>,
    target: &'a str,
}

/// Prints an event on stderr; `error` is that of `--json`.
pub(super) fn print(level: &str, message: &str, error: Option<&ErrorFields<'_>>) {
    let timestamp = format!("{:.6}", clock::now());
    let event = Event { timestamp, level, message, error, target: "auditrail" };
    // Serialising strings does not fail.
    eprintln!("{}", safe::json(&serde_json::to_string(&event).unwrap_or_default()));
}

/// Prints a panic as an event, from now on.
pub(super) fn print_panics() {
    std::panic::set_hook(Box::new(|panic| print("ERROR", &panic.to_string(), None)));
}

/// Prints wrong arguments as an event.
pub(super) fn print_usage(message: &str) {
    print("ERROR", message, Some(&ErrorFields { code: "usage", message, errors: &[] }));
}
