//! An end to waiting.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Problem;

/// Answers 503 when a handler takes too long to begin its answer.
///
/// The handler is dropped with that: a read stops, and a write is either committed or not, which
/// repeating it finds out.
pub(crate) async fn layer(
    app: App,
    request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let answer = tokio::time::timeout(app.config().request_timeout, next(request)).await;
    answer.unwrap_or_else(|_| Problem::timed_out().into_response())
}
