//! What a request is called.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::clock;

/// The header that has the id of a request.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Most characters of an id that a caller gives.
const MAX_CHARS: usize = auditrail_core::limits::REQUEST_ID_MAX_CHARS;

/// The id of a request: the caller's when it is one word of printable ASCII, else a new one.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    let mut said = headers.get_all(HEADER).iter();
    match (said.next(), said.next()) {
        (Some(id), None) if is_sound(id.as_bytes()) => id.clone(),
        _ => new(),
    }
}

fn is_sound(id: &[u8]) -> bool {
    (1..=MAX_CHARS).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn new() -> HeaderValue {
    // The id of a request guards nothing, so none at all is worse than one that is shared.
    let value = clock::request_id().and_then(|id| {
        let mut text = Uuid::encode_buffer();
        let id = id.as_uuid().hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(id).ok()
    });
    value.unwrap_or_else(|| HeaderValue::from_static("no-random-bytes"))
}
