//! Middleware around the routes.
//!
//! Each layer is a function that takes the rest of the stack as a function. They are composed into two
//! axum layers instead of eight, because axum clones everything inside a layer for each request.

mod access_log;
mod answer_memory;
mod method;
mod metrics;
mod rate_limit;
mod request_id;
mod security_headers;
mod span;
mod timeout;
mod trace_context;
mod verify_key;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;

pub(crate) use answer_memory::ReservedAnswer;
pub(crate) use request_id::RequestId;

/// From the outside in: request id and error rendering, metrics, span, access log, security headers.
pub(crate) async fn outer(State(app): State<App>, request: Request, next: Next) -> Response {
    request_id::layer(request, async |request| {
        metrics::layer(app, request, async |request| {
            span::layer(request, async |request| {
                access_log::layer(request, async |request| {
                    security_headers::layer(request, async |request| next.run(request).await).await
                })
                .await
            })
            .await
        })
        .await
    })
    .await
}

/// From the outside in: memory of the response, rate-limit headers, request timeout, verification of cached
/// keys.
pub(crate) async fn inner(State(app): State<App>, request: Request, next: Next) -> Response {
    answer_memory::layer(app.clone(), request, async |request| {
        rate_limit::layer(request, async |request| {
            timeout::layer(app.clone(), request, async |request| {
                verify_key::layer(app, request, async |request| next.run(request).await).await
            })
            .await
        })
        .await
    })
    .await
}

/// Around the admin routes: request id and error rendering, security headers.
pub(crate) async fn admin(request: Request, next: Next) -> Response {
    request_id::layer(request, async |request| {
        security_headers::layer(request, async |request| next.run(request).await).await
    })
    .await
}
