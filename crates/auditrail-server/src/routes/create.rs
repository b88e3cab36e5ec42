//! `POST /v1/audit-logs`: one record.

use auditrail_core::{CreateInput, Created, Record};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::schema::{CreateSchema, RecordSchema};
use crate::answer::Json;
use crate::app::App;
use crate::auth::{Principal, Scope, Writer};
use crate::body::Entity;
use crate::clock;
use crate::idempotency::IdempotencyKey;
use crate::problem::{Problem, ProblemSchema};
use crate::search::Pairs;

/// Writes one record. It is on disk when this answers.
///
/// With the same id, or the same `Idempotency-Key` of the same API key, a repetition finds the first
/// record instead of writing a second.
#[utoipa::path(
    post,
    path = "/v1/audit-logs",
    tag = "audit logs",
    security(("bearer" = ["write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Stands for an id of the \
            record, where the body gives none")),
    request_body(content = CreateSchema, description = "The record"),
    responses(
        (status = 201, description = "The record was written", body = RecordSchema,
         headers(("Location" = String, description = "Where the record is"))),
        (status = 200, description = "The same id and content were there already. Without the scope \
         `read` it shows only what the request says, and the time", body = RecordSchema),
        (status = 409, description = "The id is there with other content", body = ProblemSchema,
         content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    writer: Writer,
    State(app): State<App>,
    key: IdempotencyKey,
    pairs: Pairs,
    entity: Entity,
) -> Result<Response, Problem> {
    pairs.none()?;
    let mut input = CreateInput::from_json(&entity.json()?, clock::now())?;
    writer.principal().stamp(&mut input)?;
    key.apply(writer.principal(), 0, &mut input);
    let created = app.writes().create(input.clone()).await?;
    Ok(answer(writer.principal(), input, created))
}

fn answer(principal: &Principal, input: CreateInput, created: Created) -> Response {
    match created {
        Created::New(record) => {
            let place: [(HeaderName, String); 1] =
                [(header::LOCATION, format!("/v1/audit-logs/{}", record.id))];
            (StatusCode::CREATED, place, Json(record)).into_response()
        }
        Created::Duplicate(stored) => Json(seen_by(principal, input, stored)).into_response(),
    }
}

/// A key that may only write must not learn what somebody else wrote under the same id: fields that
/// the caller left out stay out.
fn seen_by(principal: &Principal, input: CreateInput, stored: Record) -> Record {
    match principal.may(Scope::Read) {
        true => stored,
        false => input.into_record(stored.id, stored.created_at),
    }
}
