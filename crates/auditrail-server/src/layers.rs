//! What lies around every route.
//!
//! Each layer is a function that is given the rest as a function. They are put together to two that
//! axum knows of, not to seven: axum copies everything that lies within a layer for each request.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::{access_log, auth, budgets, headers, metrics, request_id, span, timeout};

/// From the outside in: the id of the request and the form of errors, metrics, the span, the log line,
/// headers.
pub(crate) async fn outer(State(app): State<App>, request: Request, next: Next) -> Response {
    request_id::layer(request, async |request| {
        metrics::layer(app, request, async |request| {
            span::layer(request, async |request| {
                access_log::layer(request, async |request| {
                    headers::layer(request, async |request| next.run(request).await).await
                })
                .await
            })
            .await
        })
        .await
    })
    .await
}

/// From the outside in: budgets, the time limit, keys that are yet to be verified.
pub(crate) async fn inner(State(app): State<App>, request: Request, next: Next) -> Response {
    budgets::layer(request, async |request| {
        timeout::layer(app.clone(), request, async |request| {
            auth::layer(app, request, async |request| next.run(request).await).await
        })
        .await
    })
    .await
}

/// Around what operators ask: the id of the request and the form of errors, headers.
pub(crate) async fn admin(request: Request, next: Next) -> Response {
    request_id::layer(request, async |request| {
        headers::layer(request, async |request| next.run(request).await).await
    })
    .await
}
