//! Checks a record and encodes it as JSON text, with an id and a time, and with the API key redacted.

use auditrail_core::{CreateInput, RecordTime};
use bytes::Bytes;

use super::error::RecordError;
use crate::client::Client;
use crate::clock;
use crate::entry::Entry;

/// Maximum bytes of a record as JSON text. The limit of the service is about half of it.
const RECORD_MAX_BYTES: usize = 256 * 1024;

/// A record that is not accepted.
pub(super) struct Rejected {
    pub(super) error: RecordError,
    /// Its JSON text, if it could be encoded.
    pub(super) text: Option<Bytes>,
}

impl From<RecordError> for Rejected {
    fn from(error: RecordError) -> Self {
        Self { error, text: None }
    }
}

/// Checks and encodes a record. An id and a time are assigned here, once, so that retries are idempotent.
///
/// The service applies the same rules. A record that breaks one is rejected here, where the caller learns of
/// it, and not after it was accepted.
pub(super) fn encode(client: &Client, mut input: CreateInput) -> Result<Entry, Rejected> {
    let now = clock::now();
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
    let verdict = input.validate(now);
    let text = encode_text(client, &input);
    match verdict {
        Ok(()) => Ok(Entry { text: text?, is_stamped }),
        Err(errors) => Err(Rejected { error: RecordError::Invalid { errors }, text: text.ok() }),
    }
}

fn encode_text(client: &Client, input: &CreateInput) -> Result<Bytes, RecordError> {
    let text = client
        .encode(input)
        .map_err(|error| RecordError::NotEncoded { detail: error.to_string() })?;
    if text.len() > RECORD_MAX_BYTES {
        return Err(RecordError::TooLarge { bytes: text.len(), max: RECORD_MAX_BYTES });
    }
    // Drops the spare capacity, which the queue's limit does not count.
    Ok(Bytes::from(text.into_boxed_str().into_boxed_bytes()))
}
