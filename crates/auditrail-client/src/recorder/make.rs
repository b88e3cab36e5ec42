//! A record as text: with an id and a time, and without the key.

use auditrail_core::{CreateInput, RecordTime};
use bytes::Bytes;

use super::error::RecordError;
use crate::client::Client;
use crate::clock;

/// Most bytes of one record as JSON text; the service takes about half of it.
const RECORD_MAX_BYTES: usize = 256 * 1024;

/// Gives a record what it lacks, once, and makes JSON text of it.
pub(super) fn text(client: &Client, input: CreateInput) -> Result<Bytes, RecordError> {
    let text = client.text(&whole(input)?);
    let text = text.map_err(|error| RecordError::Unmade { detail: error.to_string() })?;
    let (bytes, max) = (text.len(), RECORD_MAX_BYTES);
    if bytes > max {
        return Err(RecordError::TooLarge { bytes, max });
    }
    // Without the room the text grew by, which nobody counts.
    Ok(Bytes::from(text.into_boxed_str().into_boxed_bytes()))
}

fn whole(mut input: CreateInput) -> Result<CreateInput, RecordError> {
    let now = clock::now();
    if input.id.is_none() {
        let made = clock::record_id(now);
        let id = made.map_err(|error| RecordError::Unmade { detail: error.to_string() })?;
        input.id = Some(id);
    }
    if input.created_at.is_none() {
        // A clock outside the years 1 to 9999 leaves the time to the service.
        input.created_at = RecordTime::new(now).ok();
    }
    Ok(input)
}
