//! Method names for logs, metrics and traces.

use axum::http::Method;

/// The method, or `_OTHER` for one that HTTP does not define: clients can send arbitrary text there, which
/// must not get into labels and logs.
pub(super) fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "CONNECT" => "CONNECT",
        _ => "_OTHER",
    }
}
