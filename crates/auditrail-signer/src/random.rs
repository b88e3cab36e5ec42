//! The source of random bytes; no other module of this crate uses it.

use zeroize::Zeroizing;

use crate::error::SignerError;

/// The seed of a new key.
pub(crate) fn seed() -> Result<Zeroizing<[u8; 32]>, SignerError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|source| SignerError::NoRandomness { source })?;
    Ok(seed)
}
