//! Converts flags to search filters.

use auditrail_core::{ErrorCode, FieldError, Filters, ValidationErrors};
use jiff::Timestamp;

use crate::cli::FilterArgs;
use crate::error::Error;
use crate::output::Output;

/// Name and value of a search parameter, as in the HTTP API.
pub(super) type Pair = (String, String);

pub(super) fn filters(args: &FilterArgs, now: Timestamp) -> Result<Filters, Error> {
    Filters::from_pairs(pairs(args)?, now).map_err(with_flag_names)
}

/// The search parameters of `args`; `core` validates them, as it does for the HTTP API.
pub(super) fn pairs(args: &FilterArgs) -> Result<Vec<Pair>, Error> {
    let FilterArgs {
        actor,
        actor_id,
        actor_type,
        action,
        target,
        target_type,
        target_id,
        tenant_id,
        request_id,
        outcome,
        intents,
        ip_address,
        since,
        until,
        metadata,
        q,
        tenant,
        ip,
        start_date,
        end_date,
    } = args;
    let named = [
        ("actor", actor),
        ("actor_id", actor_id),
        ("actor_type", actor_type),
        ("action", action),
        ("target", target),
        ("target_type", target_type),
        ("target_id", target_id),
        ("tenant_id", tenant_id),
        ("tenant", tenant),
        ("request_id", request_id),
        ("outcome", outcome),
        ("intents", intents),
        ("ip_address", ip_address),
        ("ip", ip),
        ("since", since),
        ("start_date", start_date),
        ("until", until),
        ("end_date", end_date),
        ("q", q),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let mut pairs: Vec<Pair> =
        named.map(|(name, value)| (name.to_owned(), value.clone())).collect();
    let mut errors = Vec::new();
    for text in metadata {
        match text.split_once('=') {
            Some((key, value)) => pairs.push((format!("metadata.{key}"), value.to_owned())),
            None => errors.push(FieldError {
                pointer: "--metadata".to_owned(),
                code: ErrorCode::BadFormat,
                detail: "must be KEY=VALUE".to_owned(),
            }),
        }
    }
    match ValidationErrors::new(errors) {
        Some(errors) => Err(Error::Invalid(errors)),
        None => Ok(pairs),
    }
}

/// Says what `--until` with a date leaves out, since many expect the day to be included.
pub(super) fn note_excluded_day(output: Output, args: &FilterArgs) {
    let Some(until) = args.until.as_ref().or(args.end_date.as_ref()) else { return };
    if let Ok(date) = until.parse::<jiff::civil::Date>()
        && until.len() == 10
        && let Ok(next) = date.tomorrow()
        && !output.json
    {
        output.note(&format!("note: {date} itself is left out; --until {next} includes it"));
    }
}

/// The flag of a search parameter.
pub(super) fn flag(parameter: &str) -> String {
    match parameter.strip_prefix("metadata.") {
        Some(key) => format!("--metadata {key}"),
        None => format!("--{}", parameter.replace('_', "-")),
    }
}

/// Replaces the names of parameters in the errors by those of the flags.
pub(super) fn with_flag_names(errors: ValidationErrors) -> Error {
    let rename = |error: FieldError| FieldError {
        pointer: flag(&error.pointer),
        code: error.code,
        detail: with_flags(&error.detail),
    };
    let renamed: Vec<FieldError> = errors.into_iter().map(rename).collect();
    match ValidationErrors::new(renamed) {
        Some(errors) => Error::Invalid(errors),
        None => Error::Usage("invalid filters".to_owned()),
    }
}

/// Replaces parameters, which `core` puts in backticks, by flags.
fn with_flags(detail: &str) -> String {
    let parts = detail.split('`').enumerate();
    parts.map(|(n, part)| if n % 2 == 1 { flag(part) } else { part.to_owned() }).collect()
}
