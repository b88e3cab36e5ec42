//! `DELETE /v1/retention/rules/{id}`: removes a rule of retention.

use auditrail_api::ProblemDocument;
use auditrail_core::{RetentionRule, RetentionRuleId};
use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::app::App;
use crate::extract::{Administrator, QueryParams, RequestOrigin};
use crate::json::Json;
use crate::problem::Problem;
use crate::routes::keys;

/// Removes a rule of retention, and audits that. Its records then have the next less specific rule, or are kept for
/// ever.
#[utoipa::path(
    delete,
    path = "/v1/retention/rules/{id}",
    operation_id = "remove_retention_rule",
    tag = "retention",
    security(("bearer" = ["admin"])),
    params(("id" = String, Path, description = "Rule id", format = "uuid")),
    responses(
        (status = 200, description = "The removed rule", body = RetentionRule),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn remove(
    admin: Administrator,
    State(app): State<App>,
    Path(id): Path<String>,
    origin: RequestOrigin,
    params: QueryParams,
) -> Result<Json<RetentionRule>, Problem> {
    params.reject_unknown()?;
    super::check_unrestricted(admin.principal())?;
    let id: RetentionRuleId = id.parse().map_err(|_| not_found())?;
    let actor = keys::actor(admin.principal());
    let _share = app.database_shares().manage_keys(admin.share_holder()).await?;
    let removed = app.retention().remove(id, &actor, &origin.into_context()).await?;
    removed.map(Json).ok_or_else(not_found)
}

fn not_found() -> Problem {
    let detail = "no rule of retention has this id";
    Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
}
