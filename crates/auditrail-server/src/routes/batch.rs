//! `POST /v1/audit-logs/batch`: many records in one transaction.

use auditrail_core::{
    BatchOutcome, CreateInput, InputError, OnInvalid, Record, RecordId, RecordTime, Rejected,
    ValueError,
};
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::schema::{BatchParams, CreateSchema, RecordSchema};
use crate::answer::Json;
use crate::app::App;
use crate::auth::Writer;
use crate::batch;
use crate::body::Entity;
use crate::clock;
use crate::idempotency::IdempotencyKey;
use crate::problem::{Problem, ProblemSchema, in_parameter};
use crate::search::Pairs;
use crate::writes::WritesError;

/// How many records are read back at once for `return=full`, to know their times.
const READ_BACK: usize = 250;

/// Writes up to 10,000 records in one transaction: all of them or, by default, none.
#[utoipa::path(
    post,
    path = "/v1/audit-logs/batch",
    tag = "audit logs",
    security(("bearer" = ["write"])),
    params(
        BatchParams,
        ("Idempotency-Key" = Option<String>, Header,
         pattern = r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#, description = "Makes retries safe: \
         together with the index in the batch, determines the id of each record without one"),
    ),
    request_body(description = "Records to write", content(
        (Vec<CreateSchema> = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 200, description = "Outcome of the batch", body = BatchAnswer),
        (status = 409, description = "An id exists with different content; nothing was written",
         body = ProblemSchema, content_type = "application/problem+json"),
        (status = "default", description = "Error (RFC 9457)", body = ProblemSchema,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn batch(
    mut writer: Writer,
    State(app): State<App>,
    key: IdempotencyKey,
    pairs: Pairs,
    entity: Entity,
) -> Result<Json<BatchAnswer>, Problem> {
    let asked = Asked::of(pairs)?;
    let Entity { form, bytes, room: _room } = entity;
    let mut batch = batch::parse(form, bytes, asked.on_invalid, clock::now()).await?;
    writer.count(batch.size);
    for (index, input) in &mut batch.inputs {
        writer.principal().stamp(input)?;
        key.apply(writer.principal(), *index, input);
        name(input, asked.full)?;
    }
    let (places, inputs): (Vec<_>, Vec<_>) = batch.inputs.into_iter().unzip();
    let kept = asked.full.then(|| inputs.clone());
    let version = writer.principal().version;
    let written = app.writes().create_many(inputs, asked.on_invalid, version).await;
    if written.as_ref().is_err_and(WritesError::is_key_changed) {
        // A key that is good all the same was changed: the caller sends the batch again.
        writer.look_up_again().await?;
    }
    let outcome = written.map_err(Problem::of_batch)?;
    writer.set_verified();
    let mut answer = BatchAnswer::new(batch.rejected, &places, outcome);
    if let Some(inputs) = kept {
        answer.records = Some(answer.read_back(&app, batch.size, &places, inputs).await?);
    }
    Ok(Json(answer))
}

/// Gives an input an id where the caller must be told which it is.
fn name(input: &mut CreateInput, full: bool) -> Result<(), Problem> {
    if full && input.id.is_none() {
        let fresh = clock::record_id().map_err(|error| {
            tracing::error!(%error, "could not obtain random bytes from the OS");
            Problem::internal("no_randomness")
        })?;
        input.id = Some(fresh);
    }
    Ok(())
}

/// How to write a batch, as `BatchParams` describes it.
struct Asked {
    on_invalid: OnInvalid,
    full: bool,
}

impl Asked {
    fn of(mut pairs: Pairs) -> Result<Self, Problem> {
        let unknown = |name, expected| in_parameter(name, &ValueError::UnknownValue { expected });
        let on_invalid = match pairs.take("on_invalid").as_deref() {
            None | Some("refuse") => OnInvalid::Refuse,
            Some("skip") => OnInvalid::Skip,
            Some(_) => return Err(unknown("on_invalid", "refuse, skip")),
        };
        let full = match pairs.take("return").as_deref() {
            None | Some("summary") => false,
            Some("full") => true,
            Some(_) => return Err(unknown("return", "summary, full")),
        };
        pairs.none()?;
        Ok(Self { on_invalid, full })
    }
}

/// Outcome of a batch. The three counts add up to its size.
#[derive(Serialize, ToSchema)]
pub(super) struct BatchAnswer {
    /// Number of records written.
    created: u64,
    /// Number of records that existed with the same content, or occur twice in the batch.
    duplicates: u64,
    /// Number of records not written.
    rejected: u64,
    /// One error for each record not written.
    errors: Vec<BatchError>,
    /// With `return=full`: the records in request order, with their ids and times; null for a
    /// record that was not written.
    #[schema(value_type = Vec<Option<RecordSchema>>, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Vec<Option<Record>>>,
}

/// Error of one record of a batch.
#[derive(Serialize, ToSchema)]
struct BatchError {
    /// Zero-based index of the record in the batch.
    index: usize,
    /// Stable machine-readable code; that of the first invalid field if there are several.
    code: String,
    /// Human-readable explanation.
    detail: String,
}

impl BatchAnswer {
    /// Puts together what was wrong before writing and what became of the others.
    fn new(unread: Vec<(usize, InputError)>, places: &[usize], outcome: BatchOutcome) -> Self {
        let BatchOutcome { created, duplicates, rejected } = outcome;
        let mut errors: Vec<_> = unread.into_iter().map(BatchError::from).collect();
        errors.extend(rejected.into_iter().map(|rejected| {
            let Rejected { index, code, detail } = rejected;
            BatchError { index: places[index], code: code.as_str().to_owned(), detail }
        }));
        errors.sort_by_key(|error| error.index);
        Self { created, duplicates, rejected: errors.len() as u64, errors, records: None }
    }

    /// The records as they were sent, with the times under which they are stored.
    ///
    /// What is stored is not shown: a key that may write need not be one that may read.
    async fn read_back(
        &self,
        app: &App,
        size: usize,
        places: &[usize],
        inputs: Vec<CreateInput>,
    ) -> Result<Vec<Option<Record>>, Problem> {
        let ids: Vec<RecordId> = inputs.iter().filter_map(|input| input.id).collect();
        let mut times: Vec<Option<RecordTime>> = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(READ_BACK) {
            let stored = app.log().get_many(chunk).await?;
            times.extend(chunk.iter().map(|id| stored.get(id).map(|record| record.created_at)));
        }
        let mut records = vec![None; size];
        for (((place, id), time), input) in places.iter().zip(ids).zip(times).zip(inputs) {
            let failed = self.errors.binary_search_by_key(place, |error| error.index).is_ok();
            records[*place] = time.filter(|_| !failed).map(|time| input.into_record(id, time));
        }
        Ok(records)
    }
}

impl From<(usize, InputError)> for BatchError {
    fn from((index, error): (usize, InputError)) -> Self {
        match error {
            InputError::NotJson { .. } => {
                Self { index, code: "not_json".to_owned(), detail: error.to_string() }
            }
            InputError::Invalid(errors) => {
                let (first, others) = (&errors.as_slice()[0], errors.as_slice().len() - 1);
                let more =
                    if others == 0 { String::new() } else { format!(" (and {others} more)") };
                let code = first.code.as_str().to_owned();
                Self { index, code, detail: format!("{first}{more}") }
            }
        }
    }
}
