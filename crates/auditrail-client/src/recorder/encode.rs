//! Encodes a record as JSON text, with an id and a time, and with the API key redacted.

use auditrail_core::{CreateInput, RecordTime};
use bytes::Bytes;

use super::error::RecordError;
use crate::client::Client;
use crate::clock;

/// Maximum bytes of a record as JSON text. The limit of the service is about half of it.
const RECORD_MAX_BYTES: usize = 256 * 1024;

/// Encodes a record. An id and a time are assigned here, once, so that retries are idempotent.
pub(super) fn encode(client: &Client, input: CreateInput) -> Result<Bytes, RecordError> {
    let text = client
        .encode(&with_defaults(input)?)
        .map_err(|error| RecordError::NotEncoded { detail: error.to_string() })?;
    if text.len() > RECORD_MAX_BYTES {
        return Err(RecordError::TooLarge { bytes: text.len(), max: RECORD_MAX_BYTES });
    }
    // Drops the spare capacity, which the queue's limit does not count.
    Ok(Bytes::from(text.into_boxed_str().into_boxed_bytes()))
}

fn with_defaults(mut input: CreateInput) -> Result<CreateInput, RecordError> {
    let now = clock::now();
    if input.id.is_none() {
        let id = clock::record_id(now)
            .map_err(|error| RecordError::NotEncoded { detail: error.to_string() })?;
        input.id = Some(id);
    }
    if input.created_at.is_none() {
        // If the clock is outside the years 1 to 9999, the service assigns the time.
        input.created_at = RecordTime::new(now).ok();
    }
    Ok(input)
}
