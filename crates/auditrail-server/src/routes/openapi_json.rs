//! `GET /openapi.json`: the OpenAPI document.

use auditrail_api::ProblemDocument;
use utoipa::openapi::OpenApi;

use crate::extract::{KeyHolder, QueryParams};
use crate::json::Json;
use crate::problem::Problem;

/// Returns this API description (OpenAPI 3.1).
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "description",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "OpenAPI document", content_type = "application/json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn openapi_json(
    key: Result<KeyHolder, Problem>,
    params: QueryParams,
) -> Result<Json<OpenApi>, Problem> {
    key.map_err(Problem::with_docs_hint)?;
    params.reject_unknown()?;
    Ok(Json(super::openapi()))
}
