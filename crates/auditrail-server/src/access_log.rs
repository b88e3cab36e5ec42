//! One line in the log for each request: the route, never the path, the query or the body, all of
//! which may hold personal data.

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

use crate::request_id::Id;

/// Logs each request when its answer begins.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let id = request.extensions().get::<Id>().cloned();
    let trace_id = trace_id(request.headers()).map(ToOwned::to_owned);
    let response = next.run(request).await;
    tracing::info!(
        %method,
        route = route.as_ref().map(MatchedPath::as_str),
        status = response.status().as_u16(),
        seconds = started.elapsed().as_secs_f64(),
        request_id = id.as_ref().map(Id::as_str),
        trace_id,
        "answered"
    );
    response
}

/// The trace of a sound `traceparent` (W3C Trace Context §3.2): version, trace, parent, flags.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let mut part = |length| {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        parts.next().filter(|part| part.len() == length && part.bytes().all(hex))
    };
    let (version, trace, parent) = (part(2)?, part(32)?, part(16)?);
    part(2)?;
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    (version != "ff" && !is_zero(trace) && !is_zero(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_taken_only_from_a_sound_header() {
        let trace = |text: &'static str| {
            let headers = HeaderMap::from_iter(
                [("traceparent".parse().unwrap(), text)]
                    .map(|(name, text)| (name, text.parse().unwrap())),
            );
            trace_id(&headers).map(ToOwned::to_owned)
        };
        let sound = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace(sound).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_eq!(trace("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), None);
        assert_eq!(trace("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), None);
        assert_eq!(trace("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"), None);
        assert_eq!(trace("an@email.example"), None);
    }
}
