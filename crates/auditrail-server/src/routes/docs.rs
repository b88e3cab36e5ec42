//! `GET /docs`: the API description as an HTML page.

use auditrail_api::ProblemDocument;
use axum::response::Response;

use crate::extract::{KeyHolder, QueryParams};
use crate::problem::Problem;

/// Returns this API description as an HTML page. The admin listener serves it without an API key.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "description",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "HTML page", body = String, content_type = "text/html"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn docs(
    key: Result<KeyHolder, Problem>,
    params: QueryParams,
) -> Result<Response, Problem> {
    key.map_err(Problem::with_docs_hint)?;
    params.reject_unknown()?;
    Ok(super::docs_page())
}
