//! `POST /v1/audit-logs`: writes one record.

use auditrail_api::ProblemDocument;
use auditrail_core::{CreateInput, Created, Record};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::auth::Scope;
use crate::clock;
use crate::extract::{IdempotencyKey, QueryParams, RequestBody, Writer};
use crate::json::Json;
use crate::middleware::ReservedAnswer;
use crate::problem::Problem;
use crate::reserved_actions;

/// Bytes that a returned record has beyond its text in the request: an id, a time, the writer and empty fields.
const RETURNED_BYTES: usize = 400;

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
    request_body(content = CreateInput, description = "Record to write"),
    responses(
        (status = 201, description = "Record written", body = Record,
         headers(("Location" = String, description = "Path of the record"))),
        (status = 200, description = "The record exists with the same content. Without the scope \
         `read`, the response has only the fields of the request, the id and the time", body = Record),
        (status = 409, description = "The id exists with different content", body = ProblemDocument,
         content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    mut writer: Writer,
    State(app): State<App>,
    key: IdempotencyKey,
    params: QueryParams,
    mut body: RequestBody,
) -> Result<Response, Problem> {
    params.reject_unknown()?;
    let result = write(&mut writer, &app, &key, &mut body).await;
    if let Err(problem) = &result {
        let (refusals, key_id) = (app.metrics().refusals(), &writer.principal().key_id);
        problem.refused_records().iter().for_each(|code| refusals.report(key_id, code, 1));
    }
    result
}

async fn write(
    writer: &mut Writer,
    app: &App,
    key: &IdempotencyKey,
    body: &mut RequestBody,
) -> Result<Response, Problem> {
    let size = body.bytes.len();
    let mut input = CreateInput::from_json(body.json()?, clock::now())?;
    reserved_actions::check(app, &input).await?;
    let (id, tenant_id) = (input.id, input.tenant_id.clone());
    // Before anything is written: a response that there is no memory for must not hide what was.
    let reserved = ReservedAnswer::take(app, writer.caller(), size + RETURNED_BYTES)?;
    let created = loop {
        writer.principal().default_tenant(&mut input.tenant_id)?;
        key.ids(app, writer, [(0, &input)]).await?.apply(0, &mut input);
        let origin = writer.principal().write_origin();
        match app.writes().create(input.clone(), origin).await {
            Err(error) if error.is_key_changed() => writer.refresh().await?,
            created => break created?,
        }
        (input.id, input.tenant_id) = (id, tenant_id.clone());
    };
    writer.set_verified();
    // The stored record may have more fields than the request, and returning them would be an unaudited read.
    let may_read = writer.principal().may(Scope::Read) && !app.config().record_reads;
    let mut response = respond(may_read, input, created);
    if let Some(reserved) = reserved {
        response.extensions_mut().insert(reserved);
    }
    Ok(response)
}

fn respond(may_read: bool, input: CreateInput, created: Created) -> Response {
    match created {
        Created::New(record) => {
            let location: [(HeaderName, String); 1] =
                [(header::LOCATION, format!("/v1/audit-logs/{}", record.id))];
            (StatusCode::CREATED, location, Json(record)).into_response()
        }
        Created::Duplicate(stored) => Json(visible(may_read, input, stored)).into_response(),
    }
}

/// A key without read access must not see what another caller wrote under the same id: fields that are not
/// in the request are left out.
fn visible(may_read: bool, input: CreateInput, stored: Record) -> Record {
    if may_read { stored } else { input.into_record(stored.id, stored.created_at) }
}
