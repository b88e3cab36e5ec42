//! Parsing the records of a batch: a JSON array, or one record per line.

use std::fmt;

use auditrail_core::limits::REPORTED_ERRORS_MAX;
use auditrail_core::{CreateInput, ErrorCode, FieldError, InputError, OnInvalid, ValidationErrors};
use axum::body::Bytes;
use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::body::BodyFormat;
use crate::limits::BATCH_MAX_RECORDS;
use crate::problem::{Problem, at_index, invalid, not_json};

/// Number of records to parse before yielding to other tasks: usually less than a millisecond.
const YIELD_EVERY: usize = 256;

/// A parsed batch.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Number of records.
    pub(crate) size: usize,
    /// The valid records, with their indices.
    pub(crate) inputs: Vec<(usize, CreateInput)>,
    /// The invalid records, with their indices.
    pub(crate) rejected: Vec<(usize, InputError)>,
}

impl Batch {
    /// Parses a batch.
    ///
    /// Parsing runs on the thread that serves the request and yields regularly. A blocking thread would cost
    /// a handover, and its allocator would keep the memory of the records until the thread has work again.
    ///
    /// # Errors
    /// The body is not a batch.
    pub(crate) async fn parse(
        format: BodyFormat,
        bytes: Bytes,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let records = match format {
            BodyFormat::Json => elements(&bytes)?,
            BodyFormat::Ndjson => lines(&bytes)?,
        };
        let mut batch = Self { size: records.len(), ..Self::default() };
        for (index, record) in records.into_iter().enumerate() {
            if index % YIELD_EVERY == YIELD_EVERY - 1 {
                tokio::task::yield_now().await;
            }
            match CreateInput::from_json(record, now) {
                Ok(input) => batch.inputs.push((index, input)),
                Err(error) => batch.rejected.push((index, error)),
            }
        }
        Ok(batch)
    }

    /// Refuses the batch if a record was rejected and none may be.
    ///
    /// # Errors
    /// Every error of every rejected record, up to the number that one response lists.
    pub(crate) fn check(&mut self, on_invalid: OnInvalid) -> Result<(), Problem> {
        if on_invalid == OnInvalid::Refuse && !self.rejected.is_empty() {
            return Err(rejection(std::mem::take(&mut self.rejected)));
        }
        Ok(())
    }
}

/// The code of an invalid record: that of its first invalid field.
pub(crate) fn record_code(error: &InputError) -> &'static str {
    match error {
        InputError::NotJson { .. } => "not_json",
        InputError::Invalid(errors) => errors.as_slice()[0].code.as_str(),
    }
}

/// Every invalid field of every record, up to the number that one response lists.
fn rejection(rejected: Vec<(usize, InputError)>) -> Problem {
    let codes = rejected.iter().map(|(_, error)| record_code(error)).collect();
    first_errors(rejected).with_refused(codes)
}

fn first_errors(rejected: Vec<(usize, InputError)>) -> Problem {
    let mut errors: Vec<FieldError> = Vec::new();
    for (index, error) in rejected {
        match error {
            InputError::NotJson { .. } => return not_json(format!("record {index} is {error}")),
            InputError::Invalid(invalid) if errors.len() < REPORTED_ERRORS_MAX => {
                errors.extend(invalid.into_iter().map(|error| at_index(index, error)));
            }
            InputError::Invalid(_) => {}
        }
    }
    errors.truncate(REPORTED_ERRORS_MAX);
    invalid(errors)
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
