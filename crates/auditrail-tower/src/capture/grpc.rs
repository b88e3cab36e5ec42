//! gRPC says how a call ended in `grpc-status`, a header or a trailer; the HTTP status is always 200.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The code for a call whose status is missing or no number, as gRPC clients take it.
const UNKNOWN: u16 = 2;

/// Whether a message is one of gRPC, or of gRPC-Web in its binary form.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let Some((start, rest)) = kind.split_at_checked("application/grpc".len()) else {
        return false;
    };
    start.eq_ignore_ascii_case(b"application/grpc")
        && matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'-'))
}

/// The code in headers or trailers, where they have one.
pub(crate) fn code(fields: &HeaderMap) -> Option<u16> {
    let value = fields.get("grpc-status")?;
    let code = value.to_str().ok().and_then(|text| text.parse().ok());
    Some(code.unwrap_or(UNKNOWN))
}

/// The HTTP status that stands for a code, after the table in `google/rpc/code.proto`.
pub(crate) const fn http_status(code: Option<u16>) -> u16 {
    match code {
        Some(0) => 200,
        // Cancelled, which is mostly the caller's doing; nginx made the number up for just that.
        Some(1) => 499,
        // Invalid argument, failed precondition, out of range.
        Some(3 | 9 | 11) => 400,
        // Deadline exceeded.
        Some(4) => 504,
        // Not found.
        Some(5) => 404,
        // Already exists, aborted.
        Some(6 | 10) => 409,
        // Permission denied.
        Some(7) => 403,
        // Resource exhausted.
        Some(8) => 429,
        // Unimplemented.
        Some(12) => 501,
        // Unavailable.
        Some(14) => 503,
        // Unauthenticated.
        Some(16) => 401,
        // Unknown, internal, data loss, what is not in the table, and what should have been there.
        _ => 500,
    }
}
