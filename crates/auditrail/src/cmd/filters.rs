//! Converts flags to search filters.

use auditrail_core::{Actor, ErrorCode, FieldError, Filters, Target, ValidationErrors};
use jiff::{Span, SpanRelativeTo, Timestamp, Unit};

use crate::cli::FilterArgs;
use crate::error::Error;

/// Name and value of a search parameter, as in the HTTP API.
pub(super) type Pair = (String, String);

/// The flag of each parameter, for error messages.
const FLAGS: [(&str, &str); 10] = [
    ("actor_id", "--actor-id"),
    ("actor_type", "--actor-type"),
    ("target_id", "--target-id"),
    ("target_type", "--target-type"),
    ("tenant_id", "--tenant"),
    ("request_id", "--request-id"),
    ("ip_address", "--ip"),
    ("start_date", "--since"),
    ("end_date", "--until"),
    ("metadata", "--metadata"),
];

pub(super) fn filters(args: &FilterArgs, now: Timestamp) -> Result<Filters, Error> {
    let pairs = pairs(args, now)?;
    Filters::from_pairs(pairs).map_err(with_flag_names)
}

/// The search parameters of `args`; `core` validates them, as it does for the HTTP API.
pub(super) fn pairs(args: &FilterArgs, now: Timestamp) -> Result<Vec<Pair>, Error> {
    let mut out: Vec<Pair> = Vec::new();
    let mut errors = Vec::new();
    let mut add = |name: &str, value: &str| out.push((name.to_owned(), value.to_owned()));
    if let Some(actor) = &args.actor {
        match actor.parse::<Actor>() {
            Ok(actor) => {
                add("actor_type", actor.actor_type().as_str());
                add("actor_id", actor.id());
            }
            Err(error) => errors.push(FieldError::new("--actor", &error)),
        }
    }
    if let Some(target) = &args.target {
        match target.parse::<Target>() {
            Ok(target) => {
                add("target_type", target.target_type.as_str());
                add("target_id", target.target_id.as_str());
            }
            Err(error) => errors.push(FieldError::new("--target", &error)),
        }
    }
    for (name, value) in [
        ("actor_id", &args.actor_id),
        ("actor_type", &args.actor_type),
        ("action", &args.action),
        ("target_type", &args.target_type),
        ("target_id", &args.target_id),
        ("tenant_id", &args.tenant),
        ("request_id", &args.request_id),
        ("outcome", &args.outcome),
        ("intents", &args.intents),
        ("ip_address", &args.ip),
    ] {
        if let Some(value) = value {
            add(name, value);
        }
    }
    for (name, value) in [("start_date", &args.since), ("end_date", &args.until)] {
        if let Some(value) = value {
            add(name, &time(value, now));
        }
    }
    for text in &args.metadata {
        match text.split_once('=') {
            Some((key, value)) => add(&format!("metadata.{key}"), value),
            None => errors.push(FieldError {
                pointer: "--metadata".to_owned(),
                code: ErrorCode::BadFormat,
                detail: "must be KEY=VALUE".to_owned(),
            }),
        }
    }
    match ValidationErrors::new(errors) {
        Some(errors) => Err(Error::Invalid(errors)),
        None => Ok(out),
    }
}

/// Converts a duration such as `24h` or `7d` to the time that long ago. Other text is returned as it
/// is, for `core` to validate.
fn time(text: &str, now: Timestamp) -> String {
    let relative = || -> Option<Timestamp> {
        let span: Span = text.trim_end_matches(" ago").parse().ok()?;
        let days = SpanRelativeTo::days_are_24_hours();
        let seconds = span.total((Unit::Second, days)).ok().filter(|s| *s >= 0.0)?;
        let ago = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
        now.checked_sub(ago).ok()
    };
    if text.contains(':') || text.matches('-').count() > 1 {
        text.to_owned()
    } else {
        relative().map_or_else(|| text.to_owned(), |time| format!("{time:.6}"))
    }
}

/// Replaces the names of parameters in the errors by those of the flags.
pub(super) fn with_flag_names(errors: ValidationErrors) -> Error {
    let rename = |error: FieldError| {
        let flag = FLAGS.iter().find(|(name, _)| {
            error.pointer == *name || error.pointer.starts_with(&format!("{name}."))
        });
        let pointer =
            flag.map_or_else(|| format!("--{}", error.pointer), |(_, flag)| (*flag).to_owned());
        let detail = match error.code {
            ErrorCode::EmptyRange => "must be after --since".to_owned(),
            _ => error.detail,
        };
        FieldError { pointer, code: error.code, detail }
    };
    let renamed: Vec<FieldError> = errors.into_iter().map(rename).collect();
    match ValidationErrors::new(renamed) {
        Some(errors) => Error::Invalid(errors),
        None => Error::Usage("invalid filters".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_subtracted_from_now() {
        let now: Timestamp = "2026-03-08T12:00:00Z".parse().unwrap();
        assert_eq!(time("24h", now), "2026-03-07T12:00:00.000000Z");
        assert_eq!(time("7d", now), "2026-03-01T12:00:00.000000Z");
        assert_eq!(time("1w", now), "2026-03-01T12:00:00.000000Z");
        assert_eq!(time("90m", now), "2026-03-08T10:30:00.000000Z");
        for absolute in ["2026-01-01", "2026-01-01T00:00:00Z", "yesterday", "-5h", ""] {
            assert_eq!(time(absolute, now), absolute);
        }
    }
}
