//! Answers in JSON.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;

/// A value as the JSON body of an answer.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => bytes(body),
            Err(error) => {
                tracing::error!(%error, "cannot serialize the response");
                Problem::internal("internal").into_response()
            }
        }
    }
}

/// An answer that is JSON already.
pub(crate) fn bytes(json: impl Into<bytes::Bytes>) -> Response {
    let form = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, form)], json.into()).into_response()
}
