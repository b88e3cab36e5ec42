//! The id of a request.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::clock;

/// The header with the id of a request.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Maximum characters of an id that a caller sends.
const MAX_CHARS: usize = auditrail_core::limits::REQUEST_ID_MAX_CHARS;

/// The id of a request: the caller's if it is a single word of printable ASCII, otherwise a new one.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    let mut values = headers.get_all(HEADER).iter();
    match (values.next(), values.next()) {
        (Some(id), None) if is_valid(id.as_bytes()) => id.clone(),
        _ => new(),
    }
}

fn is_valid(id: &[u8]) -> bool {
    (1..=MAX_CHARS).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn new() -> HeaderValue {
    // A request id protects nothing: a shared id is better than a failed request.
    let value = clock::request_id().and_then(|id| {
        let mut text = Uuid::encode_buffer();
        let id = id.as_uuid().hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(id).ok()
    });
    value.unwrap_or_else(|| HeaderValue::from_static("no-random-bytes"))
}
