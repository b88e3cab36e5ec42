//! `POST /v1/audit-logs/batch`: writes many records in one transaction.

use auditrail_api::{BatchError, BatchResponse, ProblemDocument};
use auditrail_core::{
    BatchOutcome, CreateInput, InputError, OnInvalid, Record, RecordId, RecordTime, RecordedBy,
    Rejected, ValueError,
};
use axum::extract::State;

use crate::app::App;
use crate::clock;
use crate::extract::{Batch, IdempotencyKey, QueryParams, RequestBody, Writer};
use crate::json::Json;
use crate::problem::{Problem, in_parameter};
use crate::reserved_actions;
use crate::writes::WritesError;

/// Number of records to read back at a time for `return=full`, to get their times.
const READ_BACK: usize = 250;

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
) -> Result<Json<BatchResponse>, Problem> {
    let options = BatchOptions::parse(params)?;
    let result = write(&mut writer, &app, &key, options, body).await;
    let (refusals, key_id) = (app.metrics().refusals(), &writer.principal().key_id);
    match &result {
        Ok(response) => {
            response.errors.iter().for_each(|error| refusals.report(key_id, &error.code, 1));
        }
        Err(problem) => {
            problem.refused_records().iter().for_each(|code| refusals.report(key_id, code, 1));
        }
    }
    result.map(Json)
}

async fn write(
    writer: &mut Writer,
    app: &App,
    key: &IdempotencyKey,
    options: BatchOptions,
    body: RequestBody,
) -> Result<BatchResponse, Problem> {
    let returns_records = options.r#return == Return::Full;
    let RequestBody { format, bytes, permit: _permit } = body;
    let mut batch = Batch::parse(format, bytes, clock::now()).await?;
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
    let (indices, inputs): (Vec<_>, Vec<_>) = batch.inputs.into_iter().unzip();
    let inputs_to_return = returns_records.then(|| inputs.clone());
    let origin = writer.principal().write_origin();
    let caller = origin.recorded_by.clone();
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
    if let Some(inputs) = inputs_to_return {
        let records =
            read_back(app, &response.errors, batch.size, &indices, inputs, caller.as_ref()).await?;
        response.records = Some(records);
    }
    Ok(response)
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
    unparsed: Vec<(usize, InputError)>,
    indices: &[usize],
    outcome: BatchOutcome,
) -> BatchResponse {
    let BatchOutcome { created, duplicates, rejected } = outcome;
    let mut errors: Vec<_> =
        unparsed.into_iter().map(|(index, error)| unparsed_error(index, error)).collect();
    errors.extend(rejected.into_iter().map(|rejected| {
        let Rejected { index, code, detail } = rejected;
        BatchError { index: indices[index], code: code.as_str().to_owned(), detail }
    }));
    errors.sort_by_key(|error| error.index);
    BatchResponse { created, duplicates, rejected: errors.len() as u64, errors, records: None }
}

fn unparsed_error(index: usize, error: InputError) -> BatchError {
    match error {
        InputError::NotJson { .. } => {
            BatchError { index, code: "not_json".to_owned(), detail: error.to_string() }
        }
        InputError::Invalid(errors) => {
            let first = &errors.as_slice()[0];
            let mut detail = first.to_string();
            let others = errors.as_slice().len() - 1;
            if others > 0 {
                detail.push_str(&format!(" (and {others} more)"));
            }
            BatchError { index, code: first.code.as_str().to_owned(), detail }
        }
    }
}

/// The records as they were sent, with the stored times, and the writer if that is the caller.
///
/// Other stored fields are not returned: a key that may write need not have permission to read.
async fn read_back(
    app: &App,
    errors: &[BatchError],
    size: usize,
    indices: &[usize],
    inputs: Vec<CreateInput>,
    caller: Option<&RecordedBy>,
) -> Result<Vec<Option<Record>>, Problem> {
    let ids: Vec<RecordId> = inputs.iter().filter_map(|input| input.id).collect();
    let mut stored: Vec<Option<(RecordTime, Option<RecordedBy>)>> = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(READ_BACK) {
        let mut records = app.log().get_many(chunk).await?;
        let visible = |record: Record| {
            (record.created_at, record.recorded_by.filter(|writer| Some(writer) == caller))
        };
        stored.extend(chunk.iter().map(|id| records.remove(id).map(visible)));
    }
    let mut records = vec![None; size];
    for (((index, id), stored), input) in indices.iter().zip(ids).zip(stored).zip(inputs) {
        let failed = errors.binary_search_by_key(index, |error| error.index).is_ok();
        records[*index] = stored
            .filter(|_| !failed)
            .map(|(time, recorded_by)| Record { recorded_by, ..input.into_record(id, time) });
    }
    Ok(records)
}
