//! `GET /docs`: the description of the interface, for people.

use axum::response::Response;

use crate::auth::KeyHolder;
use crate::docs_page;
use crate::problem::{Problem, ProblemSchema};
use crate::search::Pairs;

/// Gets this description as a page. The admin listener gives it without a key.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "description",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = "default", description = "A problem", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn docs(_: KeyHolder, pairs: Pairs) -> Result<Response, Problem> {
    pairs.none()?;
    Ok(docs_page::page().await)
}
