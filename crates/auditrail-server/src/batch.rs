//! Reading the records of a batch: a JSON array, or a record in each line.

use std::fmt;

use auditrail_core::limits::REPORTED_ERRORS_MAX;
use auditrail_core::{CreateInput, ErrorCode, FieldError, InputError, OnInvalid, ValidationErrors};
use axum::body::Bytes;
use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::body::Form;
use crate::limits::BATCH_MAX_RECORDS;
use crate::problem::{Problem, invalid, not_json, placed};

/// Records that are read before others are served: less than a millisecond's work for most.
const STRETCH: usize = 256;

/// A batch that was read.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// How many records it has.
    pub(crate) size: usize,
    /// The good ones, with their places from 0.
    pub(crate) inputs: Vec<(usize, CreateInput)>,
    /// The others, where they are to be skipped.
    pub(crate) rejected: Vec<(usize, InputError)>,
}

/// Reads a batch; with [`OnInvalid::Refuse`] every record of it is good.
///
/// It is read by the thread that serves the request, a stretch at a time with others served in between.
/// A thread for blocking work would cost a handover, and keep the memory it took for the records, which
/// others give back, until it has work again.
///
/// # Errors
/// The body is no batch, or it has a wrong record and nothing is to be skipped.
pub(crate) async fn parse(
    form: Form,
    bytes: Bytes,
    on_invalid: OnInvalid,
    now: Timestamp,
) -> Result<Batch, Problem> {
    let records = match form {
        Form::Json => elements(&bytes)?,
        Form::Ndjson => lines(&bytes)?,
    };
    let mut batch = Batch { size: records.len(), ..Batch::default() };
    for (index, record) in records.into_iter().enumerate() {
        if index % STRETCH == STRETCH - 1 {
            tokio::task::yield_now().await;
        }
        match CreateInput::from_json(record, now) {
            Ok(input) => batch.inputs.push((index, input)),
            Err(error) => batch.rejected.push((index, error)),
        }
    }
    match on_invalid {
        OnInvalid::Refuse if !batch.rejected.is_empty() => Err(refusal(batch.rejected)),
        _ => Ok(batch),
    }
}

/// Every wrong field of every record, as far as one answer lists them.
fn refusal(rejected: Vec<(usize, InputError)>) -> Problem {
    let mut errors: Vec<FieldError> = Vec::new();
    for (index, error) in rejected {
        match error {
            InputError::NotJson { .. } => return not_json(format!("record {index} is {error}")),
            InputError::Invalid(wrong) if errors.len() < REPORTED_ERRORS_MAX => {
                errors.extend(wrong.into_iter().map(|error| placed(index, error)));
            }
            InputError::Invalid(_) => {}
        }
    }
    errors.truncate(REPORTED_ERRORS_MAX);
    invalid(errors)
}

/// The lines that hold something.
fn lines(bytes: &Bytes) -> Result<Vec<&[u8]>, Problem> {
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let full = lines.filter(|line| !line.is_empty());
    let lines: Vec<_> = full.take(BATCH_MAX_RECORDS + 1).collect();
    match lines.len() {
        ..=BATCH_MAX_RECORDS => Ok(lines),
        _ => Err(Problem::large_batch(BATCH_MAX_RECORDS)),
    }
}

/// The elements of an array, not looked into yet.
fn elements(bytes: &Bytes) -> Result<Vec<&[u8]>, Problem> {
    let elements: Elements<'_> = serde_json::from_slice(bytes).map_err(|error| {
        // The only type that is asked for is that of the whole.
        match error.is_data() {
            true => not_an_array(),
            false => not_json(format!("the body is not valid JSON: {error}")),
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

/// The elements of an array; those beyond the limit take no memory.
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
        let mut more = false;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            more = true;
        }
        Ok(if more { Elements::TooMany } else { Elements::All(all) })
    }
}
