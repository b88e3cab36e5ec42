//! `POST /v1/audit-logs/batch`: writes many records in one transaction.

use auditrail_api::{BatchError, BatchResponse, ProblemDocument};
use auditrail_core::{
    BatchOutcome, CreateInput, OnInvalid, Record, RecordId, Rejected, ValueError,
};
use auditrail_store::StoredParts;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::extract::{Batch, IdempotencyKey, QueryParams, RejectedRecord, RequestBody, Writer};
use crate::json::Json;
use crate::middleware::ReservedAnswer;
use crate::problem::{Problem, in_parameter};
use crate::reserved_actions;
use crate::writes::WritesError;

/// Number of records to read back at a time for `return=full`, to get their times.
const READ_BACK: usize = 1_000;
/// Bytes that a returned record has beyond its text in the request: an id, a time, the writer and empty fields.
const RETURNED_BYTES: usize = 400;
/// Bytes of the error of a record.
const ERROR_BYTES: usize = 200;

/// Writes up to 10,000 records in one transaction: all of them or, by default, none.
#[utoipa::path(
    post,
    path = "/v1/audit-logs/batch",
    tag = "audit logs",
    security(("bearer" = ["write"])),
    params(
        BatchOptions,
        ("Idempotency-Key" = Option<String>, Header,
         pattern = r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#, description = "Makes retries safe: \
         together with the index in the batch, determines the id of each record without one"),
    ),
    request_body(description = "Records to write", content(
        (Vec<CreateInput> = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 200, description = "Outcome of the batch", body = BatchResponse),
        (status = 409, description = "An id exists with different content; nothing was written",
         body = ProblemDocument, content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemDocument,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn batch(
    mut writer: Writer,
    State(app): State<App>,
    key: IdempotencyKey,
    params: QueryParams,
    body: RequestBody,
) -> Result<Response, Problem> {
    let options = BatchOptions::parse(params)?;
    let result = write(&mut writer, &app, &key, options, body).await;
    let (refusals, key_id) = (app.metrics().refusals(), &writer.principal().key_id);
    match &result {
        Ok((response, _)) => {
            response.errors.iter().for_each(|error| refusals.report(key_id, &error.code, 1));
        }
        Err(problem) => {
            problem.refused_records().iter().for_each(|code| refusals.report(key_id, code, 1));
        }
    }
    let (response, reserved) = result?;
    let mut response = Json(response).into_response();
    if let Some(reserved) = reserved {
        response.extensions_mut().insert(reserved);
    }
    Ok(response)
}

async fn write(
    writer: &mut Writer,
    app: &App,
    key: &IdempotencyKey,
    options: BatchOptions,
    mut body: RequestBody,
) -> Result<(BatchResponse, Option<ReservedAnswer>), Problem> {
    let returns_records = options.r#return == Return::Full;
    let now = clock::now();
    let mut batch = Batch::parse(&mut body, now).await?;
    batch.check(options.on_invalid)?;
    writer.charge(batch.size);
    reserved_actions::check_batch(app, &mut batch, options.on_invalid).await?;
    let ids =
        key.ids(app, writer, batch.inputs.iter().map(|(index, input)| (*index, input))).await?;
    for (index, input) in &mut batch.inputs {
        writer.principal().default_tenant(&mut input.tenant_id)?;
        ids.apply(*index, input);
        if returns_records {
            assign_id(input)?;
        }
    }
    // Before anything is written: a response that there is no memory for must not hide what was.
    let reserved = ReservedAnswer::take(app, writer.caller(), estimate(&options, &batch, &body))?;
    let (indices, inputs): (Vec<_>, Vec<_>) = batch.inputs.into_iter().unzip();
    let ids: Vec<RecordId> = inputs.iter().filter_map(|input| input.id).collect();
    if !returns_records {
        body.discard_text();
    }
    let origin = writer.principal().write_origin();
    let result = app.writes().create_many(inputs, options.on_invalid, origin).await;
    if result.as_ref().is_err_and(WritesError::is_key_changed) {
        // If the key was changed but is still valid, the caller retries the batch.
        writer.refresh().await?;
    }
    let outcome = result.map_err(Problem::of_batch)?;
    if outcome.created + outcome.duplicates == 0 {
        // Without a record to write, such as in an empty batch, no transaction has verified the key.
        writer.verify().await?;
    }
    writer.set_verified();
    let mut response = response(batch.rejected, &indices, outcome);
    if returns_records {
        let written = indices.into_iter().zip(ids).filter(|(index, _)| {
            response.errors.binary_search_by_key(index, |error| error.index).is_err()
        });
        let records = read_back(app, writer.principal(), &body, now, written.collect()).await?;
        response.records = Some(records);
    }
    Ok((response, reserved))
}

/// The most bytes that the response to a batch is likely to have.
fn estimate(options: &BatchOptions, batch: &Batch, body: &RequestBody) -> usize {
    let errors = match options.on_invalid {
        OnInvalid::Refuse => 0,
        OnInvalid::Skip => batch.size * ERROR_BYTES,
    };
    let records = match options.r#return {
        Return::Full => body.bytes.len() + batch.size * RETURNED_BYTES,
        Return::Summary => 0,
    };
    errors + records
}

/// Assigns an id to a record without one, so that the response can contain it.
fn assign_id(input: &mut CreateInput) -> Result<(), Problem> {
    if input.id.is_none() {
        let id = clock::record_id().map_err(|error| {
            tracing::error!(%error, "could not obtain random bytes from the OS");
            Problem::internal("no_randomness")
        })?;
        input.id = Some(id);
    }
    Ok(())
}

/// Options of a batch.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct BatchOptions {
    /// How to handle records that cannot be written: `refuse` (default) writes none of the batch,
    /// `skip` writes the others.
    #[param(value_type = Option<OnInvalid>, inline)]
    on_invalid: OnInvalid,
    /// `summary` (default), or `full` to return the records.
    #[param(value_type = Option<Return>, inline)]
    r#return: Return,
}

/// Form of the response to a batch.
#[derive(PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
enum Return {
    Summary,
    Full,
}

impl BatchOptions {
    fn parse(mut params: QueryParams) -> Result<Self, Problem> {
        let unknown = |name, expected| in_parameter(name, &ValueError::UnknownValue { expected });
        let on_invalid = match params.take("on_invalid").as_deref() {
            None | Some("refuse") => OnInvalid::Refuse,
            Some("skip") => OnInvalid::Skip,
            Some(_) => return Err(unknown("on_invalid", "refuse, skip")),
        };
        let r#return = match params.take("return").as_deref() {
            None | Some("summary") => Return::Summary,
            Some("full") => Return::Full,
            Some(_) => return Err(unknown("return", "summary, full")),
        };
        params.reject_unknown()?;
        Ok(Self { on_invalid, r#return })
    }
}

/// Combines the records that failed to parse with the outcome of the others.
fn response(
    unparsed: Vec<RejectedRecord>,
    indices: &[usize],
    outcome: BatchOutcome,
) -> BatchResponse {
    let BatchOutcome { created, duplicates, rejected } = outcome;
    let mut errors: Vec<_> = unparsed
        .into_iter()
        .map(|RejectedRecord { index, code, detail }| BatchError {
            index,
            code: code.to_owned(),
            detail,
        })
        .collect();
    errors.extend(rejected.into_iter().map(|rejected| {
        let Rejected { index, code, detail } = rejected;
        BatchError { index: indices[index], code: code.as_str().to_owned(), detail }
    }));
    errors.sort_by_key(|error| error.index);
    BatchResponse { created, duplicates, rejected: errors.len() as u64, errors, records: None }
}

/// The records as they were sent, with the stored times, and the writer if that is the caller.
///
/// They are parsed again: keeping them while they are written would take as much memory once more. Other stored
/// fields are not returned: a key that may write need not have permission to read.
async fn read_back(
    app: &App,
    principal: &Principal,
    body: &RequestBody,
    now: Timestamp,
    written: Vec<(usize, RecordId)>,
) -> Result<Vec<Option<Record>>, Problem> {
    let texts = Batch::split(body)?;
    let caller = principal.write_origin().recorded_by;
    let mut records = vec![None; texts.len()];
    for chunk in written.chunks(READ_BACK) {
        let ids: Vec<RecordId> = chunk.iter().map(|(_, id)| *id).collect();
        let mut stored = app.log().stored_parts(&ids).await?;
        for (index, id) in chunk {
            let Some(StoredParts { created_at, recorded_by }) = stored.remove(id) else {
                continue;
            };
            let mut input = CreateInput::from_json(texts[*index], now)?;
            principal.default_tenant(&mut input.tenant_id)?;
            let recorded_by = recorded_by.filter(|writer| Some(writer) == caller.as_ref());
            let record = input.into_record(*id, created_at);
            records[*index] = Some(Record { recorded_by, ..record });
        }
    }
    Ok(records)
}
