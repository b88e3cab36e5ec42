//! `GET /docs`: the description of the interface, for people.

use axum::response::Response;

use crate::auth::KeyHolder;
use crate::docs_page;
use crate::problem::{Problem, ProblemSchema};
use crate::search::Pairs;

/// Returns this API description as an HTML page. The admin listener serves it without an API key.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "description",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "HTML page", body = String, content_type = "text/html"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn docs(_: KeyHolder, pairs: Pairs) -> Result<Response, Problem> {
    pairs.none()?;
    Ok(docs_page::page().await)
}
