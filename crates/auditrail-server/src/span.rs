//! The span of a request, for those who collect traces.

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::response::Response;
use tracing::{Instrument, Span, field};

use crate::method;
use crate::trace_context::TraceParent;

/// The target of spans, so that a log can leave them out: its lines say the same.
pub(crate) const TARGET: &str = "auditrail_server::span";

/// Puts each request into a span, named and filled as OpenTelemetry has it for HTTP servers.
pub(crate) async fn layer(
    request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let span = span(&request);
    if let Some(parent) = TraceParent::of(request.headers()) {
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
    // Without a route the method alone: a path may hold anything.
    let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
    )
}

/// The trace a request belongs to: that of the current span where traces are collected, else the one
/// its sender names.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<String> {
    let named = || TraceParent::of(headers).map(|parent| parent.trace_id);
    let id = collected().or_else(named)?;
    Some(format!("{id:032x}"))
}

#[cfg(feature = "otlp")]
fn collected() -> Option<u128> {
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
    // It fails where nobody collects traces, and then it does not matter.
    drop(span.set_parent(Context::new().with_remote_span_context(remote)));
}

#[cfg(not(feature = "otlp"))]
const fn collected() -> Option<u128> {
    None
}

#[cfg(not(feature = "otlp"))]
const fn set_parent(_: &Span, _: TraceParent) {}
