//! The form of a record in the spool: a version, a checksum, and the JSON text.

use bytes::Bytes;

/// The form; a later one gets another number.
const VERSION: u8 = 1;
/// Version and CRC-32.
const HEAD_BYTES: usize = 1 + 4;

/// What each record takes besides its text: head, key, and its share of what leads to it.
pub(super) const OVERHEAD_BYTES: u64 = 64;

/// What a record of so many bytes takes of the bound.
pub(super) fn cost(text_bytes: usize) -> u64 {
    text_bytes as u64 + OVERHEAD_BYTES
}

/// What a value takes of the bound.
pub(super) fn cost_of_value(value_bytes: usize) -> u64 {
    cost(value_bytes.saturating_sub(HEAD_BYTES))
}

/// A record as it is kept.
pub(super) fn encode(text: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEAD_BYTES + text.len());
    value.push(VERSION);
    value.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
    value.extend_from_slice(text);
    value
}

/// The JSON text; `None` when the value is damaged, or in a form of a later version.
///
/// The checksum (CRC-32 as in zip and PNG) shows damage, and is no protection from a forger.
pub(super) fn decode(value: &[u8]) -> Option<Bytes> {
    let (head, text) = value.split_first_chunk::<HEAD_BYTES>()?;
    let [version, checksum @ ..] = *head;
    let whole = version == VERSION
        && u32::from_le_bytes(checksum) == crc32fast::hash(text)
        && std::str::from_utf8(text).is_ok();
    whole.then(|| Bytes::copy_from_slice(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_and_any_changed_bit_is_found() {
        let value = encode(b"{\"a\":1}");
        assert_eq!(decode(&value).as_deref(), Some(&b"{\"a\":1}"[..]));
        for place in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[place / 8] ^= 1 << (place % 8);
            assert_eq!(decode(&damaged), None, "bit {place}");
        }
        assert_eq!(decode(&value[..4]), None);
        assert_eq!(cost_of_value(value.len()), cost(7));
    }
}
