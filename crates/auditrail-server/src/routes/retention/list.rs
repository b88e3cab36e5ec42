//! `GET /v1/retention/rules`: lists rules of retention.

use auditrail_api::{ProblemDocument, RetentionRules};
use axum::extract::State;

use crate::app::App;
use crate::extract::{Administrator, QueryParams};
use crate::json::Json;
use crate::problem::Problem;

/// Lists the rules of retention, which say how long records are kept.
///
/// A record has at most one rule: one of its tenant before one of all tenants, and then one of its action before
/// one of a prefix, a longer prefix before a shorter one, and all of these before one of all actions. Without a
/// rule a record is kept for ever. An API key that is restricted to a tenant sees the rules of that tenant and
/// those of all tenants.
#[utoipa::path(
    get,
    path = "/v1/retention/rules",
    operation_id = "list_retention_rules",
    tag = "retention",
    security(("bearer" = ["admin"])),
    responses(
        (status = 200, description = "Rules, at most 1000", body = RetentionRules),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn list(
    admin: Administrator,
    State(app): State<App>,
    params: QueryParams,
) -> Result<Json<RetentionRules>, Problem> {
    params.reject_unknown()?;
    let _share = app.database_shares().manage_keys(admin.share_holder()).await?;
    let data = app.retention().rules(admin.principal().tenant.as_ref()).await?;
    Ok(Json(RetentionRules { data }))
}
