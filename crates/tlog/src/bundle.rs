//! Bundles of entries: up to 256 entries, each after its length in two bytes, big-endian.

use alloc::vec::Vec;

/// The longest entry, in bytes.
pub const ENTRY_MAX: usize = u16::MAX as usize;

/// An entry that is longer than [`ENTRY_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entry of {length} bytes is longer than {ENTRY_MAX}")]
pub struct EntryTooLong {
    /// Its length.
    pub length: usize,
}

/// A bundle that ends within an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bundle ends within entry {entry}")]
pub struct TruncatedBundle {
    /// The entry, counted from 0.
    pub entry: usize,
}

/// Appends an entry to a bundle.
///
/// # Errors
/// [`EntryTooLong`]; then nothing was appended.
pub fn push(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), EntryTooLong> {
    let length = u16::try_from(entry.len()).map_err(|_| EntryTooLong { length: entry.len() })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle, in their order. Iteration ends after an error.
pub fn entries(bundle: &[u8]) -> impl Iterator<Item = Result<&[u8], TruncatedBundle>> {
    let (mut rest, mut number) = (bundle, 0);
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let entry = rest.split_first_chunk().and_then(|(length, others)| {
            others.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        });
        let Some((entry, others)) = entry else {
            rest = &[];
            return Some(Err(TruncatedBundle { entry: number }));
        };
        rest = others;
        number += 1;
        Some(Ok(entry))
    })
}
