//! Checks a record and encodes it as JSON text, with an id and a time, and with the API key redacted.

use auditrail_core::{CreateInput, RecordTime};
use bytes::Bytes;

use super::error::RecordError;
use crate::client::Client;
use crate::clock;
use crate::entry::Entry;

/// Maximum bytes of a record as JSON text. The limit of the service is about half of it.
const RECORD_MAX_BYTES: usize = 256 * 1024;

/// Checks and encodes a record. An id and a time are assigned here, once, so that retries are idempotent.
///
/// The service applies the same rules. A record that breaks one is rejected here, where the caller learns of
/// it, and not after it was accepted.
pub(super) fn encode(client: &Client, mut input: CreateInput) -> Result<Entry, RecordError> {
    let now = clock::now();
    input.validate(now).map_err(|errors| RecordError::Invalid { errors })?;
    if input.id.is_none() {
        let id = clock::record_id(now)
            .map_err(|error| RecordError::NotEncoded { detail: error.to_string() })?;
        input.id = Some(id);
    }
    let is_stamped = input.created_at.is_none();
    if is_stamped {
        // If the clock is outside the years 1 to 9999, the service assigns the time.
        input.created_at = RecordTime::new(now).ok();
    }
    let text = client
        .encode(&input)
        .map_err(|error| RecordError::NotEncoded { detail: error.to_string() })?;
    if text.len() > RECORD_MAX_BYTES {
        return Err(RecordError::TooLarge { bytes: text.len(), max: RECORD_MAX_BYTES });
    }
    // Drops the spare capacity, which the queue's limit does not count.
    Ok(Entry { text: Bytes::from(text.into_boxed_str().into_boxed_bytes()), is_stamped })
}
