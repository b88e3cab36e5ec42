//! `PUT /v1/retention/rules`: sets a rule of retention.

use auditrail_api::ProblemDocument;
use auditrail_core::{InputError, NewRetentionRule, RetentionRule};
use auditrail_store::RuleChange;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::extract::{Administrator, QueryParams, RequestBody, RequestOrigin};
use crate::json::Json;
use crate::problem::{Problem, not_json};
use crate::routes::keys;

/// Sets how long the records of a tenant and an action are kept. There is one rule for each pair of them; an existing
/// one is changed.
///
/// The operation is idempotent, and each change is audited. The next run of retention removes the records that the
/// rules no longer keep, which cannot be undone: `auditrail retention run --dry-run` counts them before.
#[utoipa::path(
    put,
    path = "/v1/retention/rules",
    operation_id = "set_retention_rule",
    tag = "retention",
    security(("bearer" = ["admin"])),
    request_body(content = NewRetentionRule, description = "Rule to set"),
    responses(
        (status = 200, description = "Rule that was there; if it was changed, the change was audited",
         body = RetentionRule),
        (status = 201, description = "New rule, and its creation audited", body = RetentionRule),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn set(
    admin: Administrator,
    State(app): State<App>,
    origin: RequestOrigin,
    params: QueryParams,
    mut body: RequestBody,
) -> Result<Response, Problem> {
    params.reject_unknown()?;
    super::check_unrestricted(admin.principal())?;
    let new = NewRetentionRule::from_json(body.json()?).map_err(invalid)?;
    let actor = keys::actor(admin.principal());
    let _share = app.database_shares().manage_keys(admin.share_holder()).await?;
    let change = app.retention().set(&new, &actor, &origin.into_context()).await?;
    let status = match change {
        RuleChange::Created(_) => StatusCode::CREATED,
        RuleChange::Changed(_) | RuleChange::Unchanged(_) => StatusCode::OK,
    };
    Ok((status, Json(change.rule().clone())).into_response())
}

fn invalid(error: InputError) -> Problem {
    match error {
        InputError::NotJson { .. } => not_json(error.to_string()),
        InputError::Invalid(errors) => {
            let detail = "the rule of retention is invalid; see `errors`";
            let title = "Invalid rule of retention";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_retention_rule", title, detail)
                .with_errors(errors.into_iter().collect())
        }
    }
}
