//! Parses a line of Auditrail's NDJSON format.

use auditrail_core::{CreateInput, MANIFEST_KEY};
use jiff::Timestamp;

use super::reject::Reason;

/// Parses a line; `None` for the manifest of an export.
pub(super) fn parse(line: &[u8], now: Timestamp) -> Result<Option<CreateInput>, Reason> {
    if is_manifest(line) {
        return Ok(None);
    }
    Ok(Some(CreateInput::from_json(line, now)?))
}

fn is_manifest(line: &[u8]) -> bool {
    let rest = line.strip_prefix(b"{\"");
    rest.and_then(|rest| rest.strip_prefix(MANIFEST_KEY.as_bytes()))
        .is_some_and(|rest| rest.starts_with(b"\":"))
}
