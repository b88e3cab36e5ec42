//! A request whose key was recognized, and not yet verified.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Problem;

/// The token of a request, for as long as its key is only recognized.
#[derive(Clone, Default)]
pub(crate) struct Unverified(Arc<Mutex<Option<Box<str>>>>);

impl Unverified {
    pub(super) fn set(&self, token: &str) {
        *self.token() = Some(token.into());
    }

    /// A transaction has found the key as it was recognized, or it was looked up.
    pub(super) fn clear(&self) {
        *self.token() = None;
    }

    /// Nothing panics while it holds the lock.
    fn token(&self) -> MutexGuard<'_, Option<Box<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks the key up before a request is refused for any other reason.
///
/// A request may fail, for its body or for want of a database, before the transaction that would verify
/// its key. The holder of a revoked key is to learn nothing but that it is revoked; while keys cannot be
/// looked up, the answer is that they cannot.
pub(crate) async fn layer(
    app: App,
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let unverified = Unverified::default();
    request.extensions_mut().insert(unverified.clone());
    let response = next(request).await;
    let status = response.status();
    let is_refused = status.is_client_error() || status.is_server_error();
    if !is_refused || status == StatusCode::UNAUTHORIZED {
        return response;
    }
    let Some(token) = unverified.token().take() else {
        return response;
    };
    match app.authenticator().authenticate(&token).await {
        Ok(_) => response,
        Err(error) => Problem::from(error).into_response(),
    }
}
