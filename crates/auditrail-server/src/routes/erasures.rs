//! `POST /v1/erasures`: erases the values of a person.

use auditrail_api::{ErasureResult, ProblemDocument};
use auditrail_core::{FieldError, InputError, NewErasure, ValidationErrors};
use auditrail_store::erasure::{ErasedFields, ErasureError, ErasureOptions, Subject};
use axum::extract::State;
use axum::http::StatusCode;

use crate::app::App;
use crate::extract::{Eraser, QueryParams, RequestBody, RequestOrigin};
use crate::json::Json;
use crate::limits::RETRY_LATER;
use crate::problem::{Problem, invalid, not_json};
use crate::routes::keys;

/// Erases the values of a person in every record in which they are actor or target, in one transaction.
///
/// Ids are replaced by a random pseudonym, other fields by nothing; older proofs stay valid, and new ones show the fields as
/// erased. It cannot be undone, and is recorded. A record that is held stops it. It goes on if the request times out:
/// the record of the erasure, `audit_log.erased`, says when it is done.
#[utoipa::path(
    post,
    path = "/v1/erasures",
    operation_id = "create_erasure",
    tag = "erasure",
    security(("bearer" = ["erase"])),
    request_body(content = NewErasure, description = "What to erase"),
    responses(
        (status = 200, description = "What was erased, or would be", body = ErasureResult),
        (status = 409, description = "Records are held (`held`); nothing was erased", body = ProblemDocument,
         content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn erasures(
    mut eraser: Eraser,
    State(app): State<App>,
    origin: RequestOrigin,
    params: QueryParams,
    mut body: RequestBody,
) -> Result<Json<ErasureResult>, Problem> {
    params.reject_unknown()?;
    eraser.verify().await?;
    if eraser.principal().tenant.is_some() {
        return Err(Problem::other_tenant());
    }
    let new = NewErasure::from_json(body.json()?).map_err(refused)?;
    let (subject, fields) =
        (Subject { actor: new.actor, target: new.target }, fields(&new.fields)?);
    let service = app.eraser().ok_or_else(unavailable)?.clone();
    let _share = app.database_shares().manage_keys(eraser.share_holder()).await?;
    if new.dry_run {
        let plan = service.plan(&subject).await.map_err(problem)?;
        let (records, held, holds) = (plan.records, plan.held, plan.holds);
        let (id, pseudonym) = (None, None);
        return Ok(Json(ErasureResult { id, records, held, holds, altered: 0, pseudonym }));
    }
    let by = keys::actor(eraser.principal());
    let (options, context) =
        (ErasureOptions { subject, fields, reason: new.reason, by }, origin.into_context());
    // Not part of the request, which may time out: half an erasure would be rolled back.
    let erasure = tokio::spawn(async move { service.erase(&options, &context, &mut |_| {}).await });
    let report = erasure.await.map_err(|_| Problem::internal("internal"))?.map_err(problem)?;
    Ok(Json(ErasureResult {
        id: Some(report.id.to_string()),
        records: report.records,
        held: 0,
        holds: Vec::new(),
        altered: report.altered,
        pseudonym: Some(report.pseudonym),
    }))
}

fn fields(names: &[String]) -> Result<ErasedFields, Problem> {
    if names.is_empty() {
        return Ok(ErasedFields::usual());
    }
    ErasedFields::new(names.iter().map(String::as_str)).map_err(|error| {
        let expected = "of fields that can be erased";
        let value = auditrail_core::ValueError::BadFormat { expected };
        let mut field = FieldError::new("/fields", &value);
        field.detail = error.to_string();
        refused(ValidationErrors::from(field).into())
    })
}

/// An invalid body.
pub(super) fn refused(error: InputError) -> Problem {
    match error {
        InputError::NotJson { .. } => not_json(error.to_string()),
        InputError::Invalid(errors) => invalid(errors.into_iter().collect()),
    }
}

fn problem(error: ErasureError) -> Problem {
    match error {
        ErasureError::Store(error) => error.into(),
        ErasureError::Held { .. } => {
            Problem::new(StatusCode::CONFLICT, "held", "Records are held", error.to_string())
        }
        ErasureError::TooMany => {
            let title = "Too many records";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many", title, error.to_string())
        }
        _ => {
            tracing::error!(%error, "an erasure was refused");
            unavailable()
        }
    }
}

/// The service has no connection as the owner of the log.
fn unavailable() -> Problem {
    let detail = "this service cannot erase: it has no connection as the owner of the log \
                  (AUDITRAIL_MAINTENANCE_DATABASE_URL); `auditrail erase` can";
    let title = "Erasure unavailable";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "erasure_unavailable", title, detail)
        .retry_after(RETRY_LATER)
}
