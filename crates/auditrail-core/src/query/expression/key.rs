//! The keys of terms.

use crate::limits::REPORTED_NAME_MAX_CHARS;
use crate::query::nearest;

/// The key of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    Actor,
    ActorId,
    ActorType,
    Action,
    Target,
    TargetId,
    TargetType,
    Tenant,
    Request,
    Outcome,
    Ip,
    Agent,
    Id,
    Since,
    Until,
    Metadata(&'a str),
}

/// The keys, apart from `metadata.KEY`, by the name of the canonical form.
const KEYS: [(&str, Key<'static>); 15] = [
    ("actor", Key::Actor),
    ("actor_id", Key::ActorId),
    ("actor_type", Key::ActorType),
    ("action", Key::Action),
    ("target", Key::Target),
    ("target_id", Key::TargetId),
    ("target_type", Key::TargetType),
    ("tenant", Key::Tenant),
    ("request", Key::Request),
    ("outcome", Key::Outcome),
    ("ip", Key::Ip),
    ("agent", Key::Agent),
    ("id", Key::Id),
    ("since", Key::Since),
    ("until", Key::Until),
];

/// Other names: those of the filters and of the columns.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("tenant_id", "tenant"),
    ("request_id", "request"),
    ("ip_address", "ip"),
    ("user_agent", "agent"),
    ("start_date", "since"),
    ("end_date", "until"),
];

const METADATA: &str = "metadata.";

impl<'a> Key<'a> {
    /// The key of this name.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        if let Some(key) = name.strip_prefix(METADATA) {
            return Some(Self::Metadata(key));
        }
        let other = OTHER_NAMES.into_iter().find(|(other, _)| *other == name);
        let name = other.map_or(name, |(_, name)| name);
        KEYS.into_iter().find(|(known, _)| *known == name).map(|(_, key)| key)
    }
}

/// What would be right instead of an unknown key.
pub(super) fn advice(name: &str) -> String {
    let mut text = "is not a key".to_owned();
    if name == "intents" {
        text.push_str(", but a parameter beside q");
    } else if name.chars().count() <= REPORTED_NAME_MAX_CHARS
        && let Some(nearest) = nearest(name)
    {
        text.push_str(&format!("; the nearest is \"{nearest}\""));
    }
    let known: Vec<&str> = KEYS.iter().map(|(known, _)| *known).collect();
    text.push_str(&format!(
        "; the keys are {}, metadata.KEY; to search for a text with a colon, put it in quotes",
        known.join(", ")
    ));
    text
}

fn nearest(name: &str) -> Option<String> {
    let others = OTHER_NAMES.into_iter().map(|(other, _)| other);
    nearest::nearest(
        name,
        KEYS.iter().map(|(known, _)| *known).chain(others).chain(["metadata.KEY"]),
    )
}
