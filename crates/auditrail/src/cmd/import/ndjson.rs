//! Parses a line of Auditrail's NDJSON format.

use auditrail_core::{CreateInput, InputError, MANIFEST_KEY, RecordTime};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::reject::Reason;
use super::times;

/// Parses a line; `None` for the manifest of an export.
///
/// # Errors
/// When the line is not a valid record.
pub(super) fn parse(line: &[u8], now: Timestamp) -> Result<Option<CreateInput>, Reason> {
    if is_manifest(line) {
        return Ok(None);
    }
    match CreateInput::from_exported_json(line, now) {
        Ok(input) => Ok(Some(input)),
        Err(error) => Ok(Some(with_other_time(line, now, error)?)),
    }
}

fn is_manifest(line: &[u8]) -> bool {
    let rest = line.strip_prefix(b"{\"");
    rest.and_then(|rest| rest.strip_prefix(MANIFEST_KEY.as_bytes()))
        .is_some_and(|rest| rest.starts_with(b"\":"))
}

/// The time of a line, as it is written.
#[derive(Deserialize)]
struct TimeOfLine<'a> {
    #[serde(borrow)]
    created_at: &'a RawValue,
}

/// Parses a line again, with its time in RFC 3339 if it is in another form that is understood. The interface
/// of the service is strict, but the logs of other products are not in our hands.
fn with_other_time(
    line: &[u8],
    now: Timestamp,
    error: InputError,
) -> Result<CreateInput, InputError> {
    let written = std::str::from_utf8(line).ok().and_then(|line| {
        let TimeOfLine { created_at } = serde_json::from_str(line).ok()?;
        Some((line, created_at.get()))
    });
    let Some((line, written)) = written else {
        return Err(error);
    };
    let text: String = serde_json::from_str(written).unwrap_or_else(|_| written.to_owned());
    if text.parse::<RecordTime>().is_ok() {
        return Err(error);
    }
    let Some(time) = times::parse(&text) else {
        return Err(error);
    };
    // The value is a part of the line, so the difference of the addresses is its place.
    let at = written.as_ptr().addr() - line.as_ptr().addr();
    let after = &line[at + written.len()..];
    let line = format!("{}\"{time}\"{after}", &line[..at]);
    CreateInput::from_exported_json(line.as_bytes(), now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_of(created_at: &str) -> Result<String, String> {
        let line = format!(
            r#"{{"actor_type":"user","actor_id":"u","action":"a.b","created_at": {created_at} ,"target_type":"t","target_id":"1"}}"#
        );
        let now = "2026-02-01T00:00:00Z".parse().unwrap();
        let input = parse(line.as_bytes(), now).map_err(|reason| reason.text)?;
        Ok(input.and_then(|input| input.created_at).unwrap().to_string())
    }

    #[test]
    fn other_forms_of_time_are_read() {
        for created_at in ["\"2026-01-02T03:04:05+0000\"", "1767323045000", "\"1767323045\""] {
            assert_eq!(time_of(created_at).unwrap(), "2026-01-02T03:04:05.000000Z");
        }
        assert!(time_of("\"2026-01-02 03:04:05\"").unwrap_err().starts_with("/created_at: "));
        assert!(time_of("4070908800000").unwrap_err().contains("/created_at"), "in the future");
    }
}
