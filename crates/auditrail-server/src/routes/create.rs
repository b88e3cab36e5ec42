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

/// Writes one record. It is on disk when this answers.
///
/// With the same id, or the same `Idempotency-Key` of the same API key, a repetition finds the first
/// record instead of writing a second.
#[utoipa::path(
    post,
    path = "/v1/audit-logs",
    tag = "audit logs",
    security(("bearer" = ["write"])),
    params(("Idempotency-Key" = Option<String>, Header,
         pattern = r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#, description = "Stands for an id of the \
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
