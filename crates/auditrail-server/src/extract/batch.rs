//! Parsing the records of a batch: a JSON array, or one record per line.

use std::fmt;

use auditrail_core::limits::REPORTED_ERRORS_MAX;
use auditrail_core::{CreateInput, ErrorCode, FieldError, InputError, OnInvalid, ValidationErrors};
use axum::body::Bytes;
use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::body::{BodyFormat, RequestBody};
use crate::limits::BATCH_MAX_RECORDS;
use crate::problem::{Problem, at_index, invalid, not_json};

/// Number of records to parse before yielding to other tasks: usually less than a millisecond.
const YIELD_EVERY: usize = 256;

/// The code of a record that is not JSON.
const NOT_JSON: &str = "not_json";

/// A parsed batch.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Number of records.
    pub(crate) size: usize,
    /// The valid records, with their indices.
    pub(crate) inputs: Vec<(usize, CreateInput)>,
    /// The invalid records.
    pub(crate) rejected: Vec<RejectedRecord>,
    /// Invalid fields of them, up to the number that one response lists.
    errors: Vec<FieldError>,
}

/// An invalid record. Of its errors it keeps only what a response needs: a hostile batch has a hundred for
/// each of its records.
#[derive(Debug)]
pub(crate) struct RejectedRecord {
    pub(crate) index: usize,
    /// That of the first invalid field.
    pub(crate) code: &'static str,
    /// The first error, and how many others there are.
    pub(crate) detail: String,
}

impl RejectedRecord {
    fn new(index: usize, error: &InputError) -> Self {
        let (code, detail) = match error {
            InputError::NotJson { .. } => (NOT_JSON, error.to_string()),
            InputError::Invalid(errors) => {
                let first = &errors.as_slice()[0];
                let mut detail = first.to_string();
                let others = errors.as_slice().len() - 1;
                if others > 0 {
                    detail.push_str(&format!(" (and {others} more)"));
                }
                (first.code.as_str(), detail)
            }
        };
        Self { index, code, detail }
    }
}

impl Batch {
    /// Parses a batch.
    ///
    /// Parsing runs on the thread that serves the request and yields regularly. A blocking thread would cost
    /// a handover, and its allocator would keep the memory of the records until the thread has work again.
    ///
    /// # Errors
    /// The body is not a batch.
    pub(crate) async fn parse(body: &mut RequestBody, now: Timestamp) -> Result<Self, Problem> {
        let bytes = body.bytes.clone();
        let records = split(body.format, &bytes)?;
        body.add_records(records.len()).await?;
        let inputs = Vec::with_capacity(records.len());
        let mut batch = Self { size: records.len(), inputs, ..Self::default() };
        for (index, record) in records.into_iter().enumerate() {
            if index % YIELD_EVERY == YIELD_EVERY - 1 {
                tokio::task::yield_now().await;
            }
            match CreateInput::from_json(record, now) {
                Ok(input) => batch.inputs.push((index, input)),
                Err(error) => batch.reject(index, error),
            }
        }
        Ok(batch)
    }

    /// The records of a batch that was parsed before, as text.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub(crate) fn split(body: &RequestBody) -> Result<Vec<&[u8]>, Problem> {
        split(body.format, &body.bytes)
    }

    /// Adds an invalid record.
    pub(crate) fn reject(&mut self, index: usize, error: InputError) {
        self.rejected.push(RejectedRecord::new(index, &error));
        if let InputError::Invalid(errors) = error {
            let free = REPORTED_ERRORS_MAX - self.errors.len();
            self.errors.extend(errors.into_iter().take(free).map(|error| at_index(index, error)));
        }
    }

    /// Refuses the batch if a record was rejected and none may be.
    ///
    /// # Errors
    /// Every error of every rejected record, up to the number that one response lists.
    pub(crate) fn check(&mut self, on_invalid: OnInvalid) -> Result<(), Problem> {
        if on_invalid == OnInvalid::Skip || self.rejected.is_empty() {
            return Ok(());
        }
        let codes = self.rejected.iter().map(|record| record.code).collect();
        let problem = match self.rejected.iter().find(|record| record.code == NOT_JSON) {
            Some(RejectedRecord { index, detail, .. }) => {
                not_json(format!("record {index} is {detail}"))
            }
            None => invalid(std::mem::take(&mut self.errors)),
        };
        Err(problem.with_refused(codes))
    }
}

/// The records of a batch, unparsed.
fn split(format: BodyFormat, bytes: &Bytes) -> Result<Vec<&[u8]>, Problem> {
    match format {
        BodyFormat::Json => elements(bytes),
        BodyFormat::Ndjson => lines(bytes),
    }
}

/// The non-blank lines.
fn lines(bytes: &Bytes) -> Result<Vec<&[u8]>, Problem> {
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let records = lines.filter(|line| !line.is_empty());
    let records: Vec<_> = records.take(BATCH_MAX_RECORDS + 1).collect();
    if records.len() > BATCH_MAX_RECORDS {
        return Err(Problem::large_batch(BATCH_MAX_RECORDS));
    }
    Ok(records)
}

/// The elements of an array, unparsed.
fn elements(bytes: &Bytes) -> Result<Vec<&[u8]>, Problem> {
    let elements: Elements<'_> = serde_json::from_slice(bytes).map_err(|error| {
        // The only type that can mismatch is that of the whole body.
        if error.is_data() {
            not_an_array()
        } else {
            not_json(format!("the body is not valid JSON: {error}"))
        }
    })?;
    match elements {
        Elements::All(all) => Ok(all.into_iter().map(|raw| raw.get().as_bytes()).collect()),
        Elements::TooMany => Err(Problem::large_batch(BATCH_MAX_RECORDS)),
    }
}

fn not_an_array() -> Problem {
    let detail = "must be an array of records".to_owned();
    let error = FieldError { pointer: String::new(), code: ErrorCode::WrongType, detail };
    invalid(ValidationErrors::from(error).into_iter().collect())
}

/// The elements of an array. Those beyond the limit are skipped without allocating.
enum Elements<'a> {
    All(Vec<&'a RawValue>),
    TooMany,
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Array)
    }
}

struct Array;

impl<'de> Visitor<'de> for Array {
    type Value = Elements<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while all.len() < BATCH_MAX_RECORDS {
            match seq.next_element()? {
                Some(raw) => all.push(raw),
                None => return Ok(Elements::All(all)),
            }
        }
        let mut has_more = false;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            has_more = true;
        }
        Ok(if has_more { Elements::TooMany } else { Elements::All(all) })
    }
}
