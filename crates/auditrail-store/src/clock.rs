//! The clock and the source of random bytes; no other module of this crate uses them.

use auditrail_core::limits::KEY_SECRET_BYTES;
use auditrail_core::{RecordId, RecordTime};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::error::StoreError;

/// The current time. It is the default time of a record.
#[expect(
    clippy::disallowed_methods,
    reason = "the default time of a record is that of the writer, which this crate is"
)]
pub(crate) fn now() -> RecordTime {
    RecordTime::from_stored_micros(Timestamp::now().as_microsecond())
}

/// The random bytes of a new API key, zeroed on drop.
pub(crate) fn key_bytes() -> Result<Zeroizing<[u8; KEY_SECRET_BYTES]>, StoreError> {
    let mut random = Zeroizing::new([0; KEY_SECRET_BYTES]);
    getrandom::fill(random.as_mut_slice()).map_err(|source| StoreError::NoRandomness { source })?;
    Ok(random)
}

/// A new `UUIDv7` with the time `time`.
pub(crate) fn new_id(time: RecordTime) -> Result<RecordId, StoreError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|source| StoreError::NoRandomness { source })?;
    Ok(RecordId::from_parts(time.timestamp(), random))
}

/// Fills `bytes` with random bytes, which may be secrets.
pub(crate) fn random_bytes(bytes: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|source| StoreError::NoRandomness { source })
}

/// A random number, not for secrets.
pub(crate) fn random_number() -> Result<u64, StoreError> {
    getrandom::u64().map_err(|source| StoreError::NoRandomness { source })
}

/// A random number from 0 to 1, not for secrets; 1 when there are no random bytes.
pub(crate) fn random_fraction() -> f64 {
    let mut random = [0; 4];
    match getrandom::fill(&mut random) {
        Ok(()) => f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}
