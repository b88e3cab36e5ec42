//! `POST /v1/audit-logs`: one record.

use auditrail_core::{CreateInput, Created, Record};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::schema::{CreateSchema, RecordSchema};
use crate::answer::Json;
use crate::app::App;
use crate::auth::{Scope, Writer};
use crate::body::Entity;
use crate::clock;
use crate::idempotency::IdempotencyKey;
use crate::problem::{Problem, ProblemSchema};
use crate::search::Pairs;

/// Writes one record. The record is durable when the response is sent.
///
/// A retry with the same id, or with the same `Idempotency-Key` and API key, returns the existing
/// record instead of writing a second one.
#[utoipa::path(
    post,
    path = "/v1/audit-logs",
    tag = "audit logs",
    security(("bearer" = ["write"])),
    params(("Idempotency-Key" = Option<String>, Header,
         pattern = r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#, description = "Makes retries safe: \
            determines the id of the record if the body has none")),
    request_body(content = CreateSchema, description = "Record to write"),
    responses(
        (status = 201, description = "Record written", body = RecordSchema,
         headers(("Location" = String, description = "Path of the record"))),
        (status = 200, description = "The record exists with the same content. Without the scope \
         `read`, the response has only the fields of the request, the id and the time", body = RecordSchema),
        (status = 409, description = "The id exists with different content", body = ProblemSchema,
         content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    mut writer: Writer,
    State(app): State<App>,
    key: IdempotencyKey,
    pairs: Pairs,
    entity: Entity,
) -> Result<Response, Problem> {
    pairs.none()?;
    let mut input = CreateInput::from_json(entity.json()?, clock::now())?;
    let (id, tenant_id) = (input.id, input.tenant_id.clone());
    let created = loop {
        writer.principal().stamp(&mut input)?;
        key.apply(writer.principal(), 0, &mut input);
        match app.writes().create(input.clone(), writer.principal().version).await {
            Err(error) if error.is_key_changed() => writer.look_up_again().await?,
            created => break created?,
        }
        (input.id, input.tenant_id) = (id, tenant_id.clone());
    };
    writer.set_verified();
    // What is stored may say more than the request: to show it would be a read that leaves no record.
    let may_see = writer.principal().may(Scope::Read) && !app.config().record_reads;
    Ok(answer(may_see, input, created))
}

fn answer(may_see: bool, input: CreateInput, created: Created) -> Response {
    match created {
        Created::New(record) => {
            let place: [(HeaderName, String); 1] =
                [(header::LOCATION, format!("/v1/audit-logs/{}", record.id))];
            (StatusCode::CREATED, place, Json(record)).into_response()
        }
        Created::Duplicate(stored) => Json(seen(may_see, input, stored)).into_response(),
    }
}

/// A key that may only write must not learn what somebody else wrote under the same id: fields that
/// the caller left out stay out.
fn seen(may_see: bool, input: CreateInput, stored: Record) -> Record {
    match may_see {
        true => stored,
        false => input.into_record(stored.id, stored.created_at),
    }
}
