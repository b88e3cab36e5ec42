//! The tracing span of a request.

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::response::Response;
use tracing::{Instrument, Span, field};

use super::method;
use super::trace_context::TraceParent;
use crate::telemetry::SPAN_TARGET;

/// Runs each request in a span, by the OpenTelemetry conventions for HTTP servers.
pub(super) async fn layer(
    request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let span = span(&request);
    if let Some(parent) = TraceParent::from_headers(request.headers()) {
        set_parent(&span, parent);
    }
    let response = next(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    response
}

fn span(request: &Request) -> Span {
    let method = method::name(request.method());
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    // Without a route, the method only: a path can contain arbitrary text.
    let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    tracing::info_span!(
        target: SPAN_TARGET,
        "request",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
    )
}

/// The trace id of a request: that of the current span if traces are exported, otherwise that of its
/// `traceparent`.
pub(super) fn trace_id(headers: &HeaderMap) -> Option<String> {
    let from_header = || TraceParent::from_headers(headers).map(|parent| parent.trace_id);
    let id = current_trace_id().or_else(from_header)?;
    Some(format!("{id:032x}"))
}

#[cfg(feature = "otlp")]
fn current_trace_id() -> Option<u128> {
    use opentelemetry::trace::TraceContextExt;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    let context = Span::current().context();
    let id = u128::from_be_bytes(context.span().span_context().trace_id().to_bytes());
    (id != 0).then_some(id)
}

#[cfg(feature = "otlp")]
fn set_parent(span: &Span, parent: TraceParent) {
    use opentelemetry::Context;
    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
    };
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    let TraceParent { trace_id, span_id, sampled } = parent;
    let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let (trace, span_id) = (TraceId::from(trace_id), SpanId::from(span_id));
    let remote = SpanContext::new(trace, span_id, flags, true, TraceState::NONE);
    // This fails if traces are not exported, and then it does not matter.
    drop(span.set_parent(Context::new().with_remote_span_context(remote)));
}

#[cfg(not(feature = "otlp"))]
const fn current_trace_id() -> Option<u128> {
    None
}

#[cfg(not(feature = "otlp"))]
const fn set_parent(_: &Span, _: TraceParent) {}
