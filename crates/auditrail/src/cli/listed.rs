//! Values that shells complete and the commands validate.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};

pub(super) const ACTOR_TYPES: [&str; 3] = ["user", "system", "api_key"];
pub(super) const OUTCOMES: [&str; 4] = ["success", "failure", "denied", "unknown"];
pub(super) const INTENTS: [&str; 2] = ["open", "all"];
pub(super) const INTERVALS: [&str; 3] = ["minute", "hour", "day"];
pub(super) const SCOPES: [&str; 6] = ["write", "read", "export", "admin", "verify", "erase"];

/// A text of which shells complete these values.
///
/// Any text is accepted, so that the command reports every invalid value at once.
#[derive(Clone)]
pub(super) struct Listed(pub(super) &'static [&'static str]);

impl TypedValueParser for Listed {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use auditrail_core::{ActorType, Intents, Interval, Outcome, Scope};

    use super::*;

    #[test]
    fn lists_are_those_of_core() {
        assert_eq!(SCOPES.map(|name| name.parse::<Scope>().is_ok()), [true; 6]);
        assert_eq!(Scope::ALL.len(), SCOPES.len());
        assert_eq!(OUTCOMES, Outcome::ALL.map(Outcome::as_str));
        assert!(ACTOR_TYPES.iter().all(|name| name.parse::<ActorType>().is_ok()));
        assert_eq!(INTERVALS, Interval::ALL.map(Interval::as_str));
        assert!(INTENTS.iter().all(|name| name.parse::<Intents>().is_ok()));
    }
}
