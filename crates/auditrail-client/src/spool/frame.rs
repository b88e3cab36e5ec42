//! The encoding of a record in the spool: version, checksum, JSON text.

use bytes::Bytes;

const VERSION: u8 = 1;
/// Version (1 byte) and CRC-32 (4 bytes).
const HEADER_BYTES: usize = 1 + 4;

/// Overhead of a record in bytes: header, key, and its share of the B-tree.
pub(super) const OVERHEAD_BYTES: u64 = 64;

/// Bytes that a record counts against the limit, from the length of its text.
pub(super) fn cost(text_bytes: usize) -> u64 {
    text_bytes as u64 + OVERHEAD_BYTES
}

/// The same from the length of its encoded value.
pub(super) fn cost_of_value(value_bytes: usize) -> u64 {
    cost(value_bytes.saturating_sub(HEADER_BYTES))
}

/// Encodes a record.
pub(super) fn encode(text: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER_BYTES + text.len());
    value.push(VERSION);
    value.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
    value.extend_from_slice(text);
    value
}

/// Decodes a record; `None` if it is damaged or has an unknown version.
///
/// The checksum (CRC-32 as in zip and PNG) detects damage, not forgery.
pub(super) fn decode(value: &[u8]) -> Option<Bytes> {
    let (head, text) = value.split_first_chunk::<HEADER_BYTES>()?;
    let [version, checksum @ ..] = *head;
    let is_valid = version == VERSION
        && u32::from_le_bytes(checksum) == crc32fast::hash(text)
        && std::str::from_utf8(text).is_ok();
    is_valid.then(|| Bytes::copy_from_slice(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_and_any_flipped_bit_is_detected() {
        let value = encode(b"{\"a\":1}");
        assert_eq!(decode(&value).as_deref(), Some(&b"{\"a\":1}"[..]));
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&damaged), None, "bit {bit}");
        }
        assert_eq!(decode(&value[..4]), None);
        assert_eq!(cost_of_value(value.len()), cost(7));
    }
}
