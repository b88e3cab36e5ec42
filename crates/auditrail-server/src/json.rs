//! JSON responses.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;

/// A value as the JSON body of a response.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => response(body),
            Err(error) => {
                tracing::error!(%error, "cannot serialize the response");
                Problem::internal("internal").into_response()
            }
        }
    }
}

/// A response with a body that is JSON already.
pub(crate) fn response(json: impl Into<bytes::Bytes>) -> Response {
    let content_type = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, content_type)], json.into()).into_response()
}
