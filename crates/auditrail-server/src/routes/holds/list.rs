//! `GET /v1/holds`: lists the holds.

use auditrail_api::{Holds, ProblemDocument};
use axum::extract::State;

use super::{check_unrestricted, document};
use crate::app::App;
use crate::extract::{Administrator, QueryParams};
use crate::json::Json;
use crate::problem::Problem;

/// Lists the holds that were not released, by name.
#[utoipa::path(
    get,
    path = "/v1/holds",
    operation_id = "list_holds",
    tag = "erasure",
    security(("bearer" = ["admin"])),
    responses(
        (status = 200, description = "Holds", body = Holds),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn list(
    admin: Administrator,
    State(app): State<App>,
    params: QueryParams,
) -> Result<Json<Holds>, Problem> {
    params.reject_unknown()?;
    check_unrestricted(admin.principal())?;
    let _share = app.database_shares().manage_keys(admin.share_holder()).await?;
    let holds = app.holds().list(false).await?;
    Ok(Json(Holds { data: holds.into_iter().map(document).collect() }))
}
