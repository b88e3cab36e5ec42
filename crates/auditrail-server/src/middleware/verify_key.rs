//! Verifies a cached API key before an error response.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::auth::UnverifiedKey;
use crate::problem::Problem;

/// Looks the API key up before a request is rejected for another reason.
///
/// A request may fail, because of its body or of an outage, before the transaction that would verify its
/// cached key. The holder of a revoked key must only learn that it is revoked; while keys cannot be looked
/// up, the response says so.
pub(super) async fn layer(
    app: App,
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let unverified = UnverifiedKey::default();
    request.extensions_mut().insert(unverified.clone());
    let response = next(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || status == StatusCode::UNAUTHORIZED {
        return response;
    }
    let Some(token) = unverified.take() else {
        return response;
    };
    match app.authenticator().authenticate(&token).await {
        Ok(_) => response,
        Err(error) => Problem::from(error).into_response(),
    }
}
