//! From flags to the filters of a search.

use auditrail_core::{Actor, ErrorCode, FieldError, Filters, Target, ValidationErrors};
use jiff::{Span, SpanRelativeTo, Timestamp, Unit};

use crate::cli::FilterArgs;
use crate::error::Error;

/// A parameter of a search: its name and value, as over HTTP.
pub(super) type Pair = (String, String);

/// The flag of each parameter, for messages.
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

/// The filters of `args`.
pub(super) fn filters(args: &FilterArgs, now: Timestamp) -> Result<Filters, Error> {
    let pairs = pairs(args, now)?;
    Filters::from_pairs(pairs).map_err(in_flags)
}

/// The parameters that `args` stand for. `core` reads and checks them, as it does over HTTP.
pub(super) fn pairs(args: &FilterArgs, now: Timestamp) -> Result<Vec<Pair>, Error> {
    let mut out: Vec<Pair> = Vec::new();
    let mut wrong = Vec::new();
    let mut add = |name: &str, value: &str| out.push((name.to_owned(), value.to_owned()));
    if let Some(actor) = &args.actor {
        match actor.parse::<Actor>() {
            Ok(actor) => {
                add("actor_type", actor.actor_type().as_str());
                add("actor_id", actor.id());
            }
            Err(error) => wrong.push(FieldError::new("--actor", &error)),
        }
    }
    if let Some(target) = &args.target {
        match target.parse::<Target>() {
            Ok(target) => {
                add("target_type", target.target_type.as_str());
                add("target_id", target.target_id.as_str());
            }
            Err(error) => wrong.push(FieldError::new("--target", &error)),
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
            None => wrong.push(FieldError {
                pointer: "--metadata".to_owned(),
                code: ErrorCode::BadFormat,
                detail: "must be KEY=VALUE".to_owned(),
            }),
        }
    }
    match ValidationErrors::new(wrong) {
        Some(errors) => Err(Error::Invalid(errors)),
        None => Ok(out),
    }
}

/// `24h` and `7d` as the time that long ago; other text is left for `core` to judge.
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

/// Names the flags instead of the parameters.
pub(super) fn in_flags(errors: ValidationErrors) -> Error {
    let rename = |error: FieldError| {
        let found = FLAGS.iter().find(|(name, _)| {
            error.pointer == *name || error.pointer.starts_with(&format!("{name}."))
        });
        let pointer = found.map_or_else(|| format!("--{}", error.pointer), |f| f.1.to_owned());
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
    fn relative_times_count_back_from_now() {
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
