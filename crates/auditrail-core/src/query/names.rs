//! The names of the filters, the same over HTTP, on the command line and in clients.

use super::filters::Filters;
use super::nearest::nearest;
use crate::error::{ErrorCode, FieldError};
use crate::limits::REPORTED_NAME_MAX_CHARS;

/// The names of the paging parameters.
pub(super) const PAGING: [&str; 6] = ["limit", "order", "cursor", "offset", "around", "count"];

impl Filters {
    /// The names of the filters, apart from `metadata.KEY`.
    pub const NAMES: [&str; 15] = [
        "actor",
        "actor_id",
        "actor_type",
        "action",
        "target",
        "target_id",
        "target_type",
        "tenant_id",
        "request_id",
        "outcome",
        "intents",
        "ip_address",
        "since",
        "until",
        "q",
    ];

    /// Other names, which are accepted as well, each with the name of its filter.
    pub const OTHER_NAMES: [(&str, &str); 4] = [
        ("start_date", "since"),
        ("end_date", "until"),
        ("tenant", "tenant_id"),
        ("ip", "ip_address"),
    ];

    /// The filter that a parameter is: one of [`NAMES`](Self::NAMES), or `metadata.KEY`. `None` for other
    /// parameters.
    ///
    /// `metadata[KEY]`, which clients generated from an OpenAPI document send, is `metadata.KEY`.
    #[must_use]
    pub fn canonical_name(parameter: &str) -> Option<String> {
        if let Some(key) = metadata_key(parameter) {
            return Some(format!("metadata.{key}"));
        }
        let other = Self::OTHER_NAMES.into_iter().find(|(other, _)| *other == parameter);
        let name = other.map_or(parameter, |(_, name)| name);
        Self::NAMES.contains(&name).then(|| name.to_owned())
    }
}

/// The key of the metadata that a parameter filters by.
pub(super) fn metadata_key(parameter: &str) -> Option<&str> {
    let rest = parameter.strip_prefix("metadata")?;
    rest.strip_prefix('.').or_else(|| rest.strip_prefix('[')?.strip_suffix(']'))
}

impl FieldError {
    /// The error of an unknown parameter of a search with the filters and the parameters `others`: it names
    /// the nearest parameter, and all of them if `list` is set. Parameters are in backticks.
    #[must_use]
    pub fn unknown_parameter(name: &str, others: &[&str], list: bool) -> Self {
        let mut detail = "is not a parameter of this search".to_owned();
        if let Some(nearest) = nearest_parameter(name, others) {
            detail.push_str(&format!("; the nearest is `{nearest}`"));
        }
        if list {
            let known = Filters::NAMES.iter().chain(&["metadata.KEY"]).chain(others);
            let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
            detail.push_str(&format!("; the parameters are {}", known.join(", ")));
        }
        let pointer = name.chars().take(REPORTED_NAME_MAX_CHARS).collect();
        Self { pointer, code: ErrorCode::UnknownField, detail }
    }
}

/// The parameter with the most similar name, if any is similar.
fn nearest_parameter(name: &str, others: &[&str]) -> Option<String> {
    if name.chars().count() > REPORTED_NAME_MAX_CHARS {
        return None;
    }
    let known = Filters::NAMES
        .into_iter()
        .chain(Filters::OTHER_NAMES.into_iter().map(|(other, _)| other))
        .chain(["metadata.KEY"])
        .chain(others.iter().copied());
    nearest(name, known)
}
