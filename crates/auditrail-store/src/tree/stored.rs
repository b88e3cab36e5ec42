//! The form of entries in a bundle: that of the log without its version, each as long as the others.

use auditrail_core::RecordTime;
use auditrail_evidence::{Entry, LogEntry};
use uuid::Uuid;

/// The length of a stored entry: an id, a time and a hash.
pub(crate) const STORED_BYTES: usize = 16 + 8 + 32;
/// The time of an entry without content: no record has it.
const ABSENT: i64 = i64::MIN;

/// The stored form of an entry.
pub(super) fn pack(entry: &LogEntry) -> [u8; STORED_BYTES] {
    let (time, root) = match entry {
        LogEntry::Record(entry) => (entry.created_at.unix_micros(), entry.fields_root),
        LogEntry::Absent(_) => (ABSENT, [0; 32]),
    };
    let mut stored = [0; STORED_BYTES];
    stored[..16].copy_from_slice(entry.id().as_bytes());
    stored[16..24].copy_from_slice(&time.to_be_bytes());
    stored[24..].copy_from_slice(&root);
    stored
}

/// The entries of a bundle, or of a part of one; `None` if it was damaged.
pub(super) fn unpack(bundle: &[u8]) -> Option<Vec<LogEntry>> {
    let (entries, []) = bundle.as_chunks::<STORED_BYTES>() else { return None };
    entries.iter().map(unpack_one).collect()
}

fn unpack_one(stored: &[u8; STORED_BYTES]) -> Option<LogEntry> {
    let (id, rest) = stored.split_first_chunk()?;
    let (time, root) = rest.split_first_chunk()?;
    let (id, time) = (Uuid::from_bytes(*id), i64::from_be_bytes(*time));
    let fields_root = root.try_into().ok()?;
    if time == ABSENT {
        return (fields_root == [0; 32]).then_some(LogEntry::Absent(id));
    }
    let created_at = RecordTime::from_unix_micros(time).ok()?;
    Some(LogEntry::Record(Entry { id, created_at, fields_root }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_entries_are_read_back() {
        let created_at = RecordTime::from_unix_micros(1_700_000_000_000_000).unwrap();
        let record = Entry { id: Uuid::from_u128(1), created_at, fields_root: [9; 32] };
        let entries = [LogEntry::Record(record), LogEntry::Absent(Uuid::from_u128(2))];
        let bundle = entries.map(|entry| pack(&entry)).concat();
        assert_eq!(unpack(&bundle).unwrap(), entries);
        assert_eq!(unpack(&bundle[1..]), None);
        let mut damaged = bundle;
        damaged[STORED_BYTES + 24] = 1;
        assert_eq!(unpack(&damaged), None);
    }
}
