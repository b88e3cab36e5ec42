//! The only place of this crate that reads a clock or asks for random bytes.

use auditrail_core::{RecordId, RecordTime};
use jiff::Timestamp;

use crate::error::StoreError;

/// The writer's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a record whose caller gives no time has the writer's, and this is the writer"
)]
pub(crate) fn now() -> RecordTime {
    RecordTime::from_stored_micros(Timestamp::now().as_microsecond())
}

/// A new id, whose time part is `time`.
pub(crate) fn fresh(time: RecordTime) -> Result<RecordId, StoreError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|source| StoreError::NoRandomness { source })?;
    Ok(RecordId::from_parts(time.timestamp(), random))
}
