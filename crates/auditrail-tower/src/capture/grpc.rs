//! The status of a gRPC call: in the header or trailer `grpc-status`, while the HTTP status is always 200.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The code of a call whose status is missing or not a number, as in gRPC clients.
const UNKNOWN: u16 = 2;

/// Whether the content type is gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    is_kind(headers, b"application/grpc")
}

/// Whether the response has a gRPC status, in its headers or trailers.
///
/// gRPC-Web sends trailers in the body, which is not parsed. Its responses only count if the status is in the
/// headers.
pub(crate) fn has_status(headers: &HeaderMap) -> bool {
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

/// The code in headers or trailers, if present.
pub(crate) fn code(fields: &HeaderMap) -> Option<u16> {
    let value = fields.get("grpc-status")?;
    let code = value.to_str().ok().and_then(|text| text.parse().ok());
    Some(code.unwrap_or(UNKNOWN))
}

/// The HTTP status that corresponds to a code, by the table in `google/rpc/code.proto`.
pub(crate) const fn http_status(code: Option<u16>) -> u16 {
    match code {
        Some(0) => 200,
        // Cancelled, usually by the caller; nginx introduced 499 for that.
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
        // Unknown, internal, data loss, unlisted codes, and a missing code.
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
    fn only_grpc_has_its_status_in_trailers() {
        let kinds = [
            "application/grpc",
            "Application/gRPC+proto",
            "application/grpc;x",
            "application/grpc ",
        ];
        for kind in kinds {
            assert!(has_status(&headers(kind, None)), "{kind}");
        }
        for kind in [
            "application/grpc-web+proto",
            "application/grpc-web-text",
            "application/grpcx",
            "",
            "application/json",
        ] {
            assert!(!has_status(&headers(kind, None)), "{kind}");
        }
        assert!(has_status(&headers("application/grpc-web+proto", Some("5"))));
        assert!(has_status(&headers("application/grpc-web-text", Some("5"))));
        assert!(!has_status(&headers("application/json", Some("5"))));
    }

    #[test]
    fn non_numeric_code_is_unknown() {
        assert_eq!(code(&headers("application/grpc", Some("x"))), Some(UNKNOWN));
        assert_eq!(code(&headers("application/grpc", None)), None);
        assert_eq!(http_status(Some(99)), 500);
    }
}
