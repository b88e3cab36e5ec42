//! The encoding of a record in the spool: version, checksum, JSON text.

use bytes::Bytes;

use crate::entry::Entry;

/// The caller provided the time of the record, or an earlier release wrote it, which did not distinguish.
const TIME_GIVEN: u8 = 1;
/// The recorder assigned the time of the record.
const TIME_STAMPED: u8 = 2;
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
pub(super) fn encode(entry: &Entry) -> Vec<u8> {
    let Entry { text, is_stamped } = entry;
    let mut value = Vec::with_capacity(HEADER_BYTES + text.len());
    value.push(if *is_stamped { TIME_STAMPED } else { TIME_GIVEN });
    value.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
    value.extend_from_slice(text);
    value
}

/// Decodes a record; `None` if it is damaged or has an unknown version.
///
/// The checksum (CRC-32 as in zip and PNG) detects damage, not forgery.
pub(super) fn decode(value: &[u8]) -> Option<Entry> {
    let (head, text) = value.split_first_chunk::<HEADER_BYTES>()?;
    let [version, checksum @ ..] = *head;
    let is_stamped = match version {
        TIME_GIVEN => false,
        TIME_STAMPED => true,
        _ => return None,
    };
    let is_valid =
        u32::from_le_bytes(checksum) == crc32fast::hash(text) && std::str::from_utf8(text).is_ok();
    is_valid.then(|| Entry { text: Bytes::copy_from_slice(text), is_stamped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_and_any_flipped_bit_is_detected() {
        for is_stamped in [false, true] {
            let entry = Entry { text: Bytes::from_static(b"{\"a\":1}"), is_stamped };
            let value = encode(&entry);
            assert_eq!(decode(&value), Some(entry));
            for bit in 0..value.len() * 8 {
                let mut damaged = value.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(decode(&damaged), None, "bit {bit}");
            }
            assert_eq!(decode(&value[..4]), None);
            assert_eq!(cost_of_value(value.len()), cost(7));
        }
    }

    #[test]
    fn records_of_earlier_releases_count_as_given() {
        let value = [&[1], &crc32fast::hash(b"{}").to_le_bytes()[..], b"{}"].concat();
        let entry = Entry { text: Bytes::from_static(b"{}"), is_stamped: false };
        assert_eq!(decode(&value), Some(entry));
    }
}
