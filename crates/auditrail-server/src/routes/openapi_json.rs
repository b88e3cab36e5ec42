//! `GET /openapi.json`: the description of the interface.

use utoipa::openapi::OpenApi;

use crate::answer::Json;
use crate::auth::KeyHolder;
use crate::problem::{Problem, ProblemSchema};
use crate::search::Pairs;

/// Returns this API description (OpenAPI 3.1).
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "description",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "OpenAPI document", content_type = "application/json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn openapi_json(_: KeyHolder, pairs: Pairs) -> Result<Json<OpenApi>, Problem> {
    pairs.none()?;
    Ok(Json(super::openapi()))
}
