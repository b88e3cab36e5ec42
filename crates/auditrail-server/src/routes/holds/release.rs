//! `DELETE /v1/holds/{name}`: releases a hold.

use auditrail_api::{HoldDocument, ProblemDocument};
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::{check_unrestricted, document};
use crate::app::App;
use crate::extract::{Administrator, QueryParams, RequestOrigin};
use crate::json::Json;
use crate::problem::Problem;
use crate::routes::keys;

/// Releases a hold, and audits that.
#[utoipa::path(
    delete,
    path = "/v1/holds/{name}",
    operation_id = "release_hold",
    tag = "erasure",
    security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "Name of the hold")),
    responses(
        (status = 200, description = "The released hold", body = HoldDocument),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn release(
    admin: Administrator,
    State(app): State<App>,
    Path(name): Path<String>,
    origin: RequestOrigin,
    params: QueryParams,
) -> Result<Json<HoldDocument>, Problem> {
    params.reject_unknown()?;
    check_unrestricted(admin.principal())?;
    let actor = keys::actor(admin.principal());
    let _share = app.database_shares().manage_keys(admin.share_holder()).await?;
    let released = app.holds().release(&name, &actor, &origin.into_context()).await?;
    released.map(|hold| Json(document(hold))).ok_or_else(|| {
        let detail = "no hold has this name";
        Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
    })
}
