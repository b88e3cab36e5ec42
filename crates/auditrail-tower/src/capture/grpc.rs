//! gRPC says how a call ended in `grpc-status`, a header or a trailer; the HTTP status is always 200.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The code for a call whose status is missing or no number, as gRPC clients take it.
const UNKNOWN: u16 = 2;

/// Whether a message is one of gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    is_kind(headers, b"application/grpc")
}

/// Whether the answer with these headers has a status of gRPC, now or at its end.
///
/// gRPC-Web has its trailers in the body, where nobody looks for them. Of its answers only those count
/// that are nothing else than a status, which is in the headers.
pub(crate) fn answers(headers: &HeaderMap) -> bool {
    let web = || {
        let text = is_kind(headers, b"application/grpc-web-text");
        text || is_kind(headers, b"application/grpc-web")
    };
    is_grpc(headers) || (code(headers).is_some() && web())
}

fn is_kind(headers: &HeaderMap, name: &[u8]) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    kind.split_at_checked(name.len()).is_some_and(|(start, rest)| {
        start.eq_ignore_ascii_case(name) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
    })
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(kind: &'static str, status: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        if let Some(status) = status {
            headers.insert("grpc-status", HeaderValue::from_static(status));
        }
        headers
    }

    #[test]
    fn only_grpc_has_its_status_at_the_end() {
        let kinds = [
            "application/grpc",
            "Application/gRPC+proto",
            "application/grpc;x",
            "application/grpc ",
        ];
        for kind in kinds {
            assert!(answers(&headers(kind, None)), "{kind}");
        }
        for kind in [
            "application/grpc-web+proto",
            "application/grpc-web-text",
            "application/grpcx",
            "",
            "application/json",
        ] {
            assert!(!answers(&headers(kind, None)), "{kind}");
        }
        assert!(answers(&headers("application/grpc-web+proto", Some("5"))));
        assert!(answers(&headers("application/grpc-web-text", Some("5"))));
        assert!(!answers(&headers("application/json", Some("5"))));
    }

    #[test]
    fn a_code_that_is_no_number_is_unknown() {
        assert_eq!(code(&headers("application/grpc", Some("x"))), Some(UNKNOWN));
        assert_eq!(code(&headers("application/grpc", None)), None);
        assert_eq!(http_status(Some(99)), 500);
    }
}
