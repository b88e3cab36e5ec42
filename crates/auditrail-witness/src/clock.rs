//! The only module of this crate that reads the clock or random bytes.

use std::time::UNIX_EPOCH;

use tlog::{Algorithm, KeyName, SigningKey};
use zeroize::Zeroizing;

/// The time of a cosignature, in seconds since 1970; `None` if the clock shows 1970 or an earlier time.
#[expect(clippy::disallowed_methods, reason = "a cosignature states the time of the witness")]
pub(crate) fn unix_seconds() -> Option<u64> {
    let elapsed = std::time::SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(elapsed.as_secs()).filter(|seconds| *seconds > 0)
}

/// A new key of a witness.
///
/// # Errors
/// When the operating system has no random bytes.
pub fn new_key(name: KeyName) -> Result<SigningKey, getrandom::Error> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice())?;
    Ok(SigningKey::from_seed(name, Algorithm::Cosignature, &seed))
}
