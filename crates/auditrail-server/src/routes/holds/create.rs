//! `POST /v1/holds`: creates a hold.

use auditrail_api::{HoldDocument, ProblemDocument};
use auditrail_core::{FieldError, HoldInput, ValidationErrors, ValueError};
use auditrail_store::holds::{HoldError, NewHold};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{check_unrestricted, document};
use crate::app::App;
use crate::clock;
use crate::extract::{Administrator, QueryParams, RequestBody, RequestOrigin};
use crate::json::Json;
use crate::problem::Problem;
use crate::routes::erasures::refused;
use crate::routes::keys;

/// Creates a hold, and audits that. What it covers is neither removed by retention nor erased, records that are written
/// later included, until it is released.
#[utoipa::path(
    post,
    path = "/v1/holds",
    operation_id = "create_hold",
    tag = "erasure",
    security(("bearer" = ["admin"])),
    request_body(content = HoldInput, description = "Hold to create"),
    responses(
        (status = 201, description = "Hold", body = HoldDocument),
        (status = 409, description = "There is a hold with the name, or there are too many (`hold_exists`, \
            `too_many_holds`)", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(in crate::routes) async fn create(
    admin: Administrator,
    State(app): State<App>,
    origin: RequestOrigin,
    params: QueryParams,
    mut body: RequestBody,
) -> Result<Response, Problem> {
    params.reject_unknown()?;
    check_unrestricted(admin.principal())?;
    let HoldInput { name, reason, filters } =
        HoldInput::from_json(body.json()?, clock::now()).map_err(refused)?;
    let new = NewHold { name, reason, filters };
    if new.unsupported().is_some() {
        let expected = "filters on actor, action, target, tenant, request, address and time only";
        let error = FieldError::new("/filters", &ValueError::BadFormat { expected });
        return Err(refused(ValidationErrors::from(error).into()));
    }
    let actor = keys::actor(admin.principal());
    let _share = app.database_shares().manage_keys(admin.share_holder()).await?;
    let hold = app.holds().create(&new, &actor, &origin.into_context()).await.map_err(problem)?;
    Ok((StatusCode::CREATED, Json(document(hold))).into_response())
}

fn problem(error: HoldError) -> Problem {
    let conflict = |code: &'static str| {
        Problem::new(StatusCode::CONFLICT, code, "Hold not created", error.to_string())
    };
    match error {
        HoldError::Store(error) => error.into(),
        HoldError::Exists { .. } => conflict("hold_exists"),
        _ => conflict("too_many_holds"),
    }
}
