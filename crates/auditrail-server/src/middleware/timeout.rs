//! Request timeout.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Problem;

/// Responds with 503 if a handler does not start its response in time.
///
/// The handler is dropped: a read stops, and a write is either committed or not, which a retry with the
/// same id resolves.
pub(super) async fn layer(
    app: App,
    request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    tokio::time::timeout(app.config().request_timeout, next(request))
        .await
        .unwrap_or_else(|_| Problem::timed_out().into_response())
}
