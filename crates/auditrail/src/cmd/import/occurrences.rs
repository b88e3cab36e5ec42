//! Counts equal lines, from which the ids of lines without an id are derived.

mod table;

use std::collections::HashMap;
use std::io;

use auditrail_core::{RecordId, RecordTime};
use sha2::{Digest, Sha256};

use table::DiskTable;

/// Most distinct lines that are counted in memory, which takes at most 32 MiB. More of them are counted in a
/// temporary file.
const MEMORY_MAX_LINES: usize = 400_000;
/// Separates derived ids of imported lines from other derived ids.
const DOMAIN: &[u8] = b"import line";

/// The digest of a line and its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LineKey(u128);

impl LineKey {
    /// The key of a line. White space between JSON tokens does not count.
    ///
    /// `buffer` is scratch space, so that its allocation is reused.
    pub(super) fn new(source: &str, line: &[u8], buffer: &mut Vec<u8>) -> Self {
        compact(line, buffer);
        let mut hash = Sha256::new();
        hash.update((source.len() as u64).to_be_bytes());
        hash.update(source);
        hash.update(&*buffer);
        let digest = hash.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(u128::from_be_bytes(bytes))
    }

    /// The id of the line's `occurrence`, counted from 1.
    pub(super) fn id(self, time: Option<RecordTime>, occurrence: u64) -> RecordId {
        let parts: [&[u8]; 3] = [DOMAIN, &self.0.to_be_bytes(), &occurrence.to_be_bytes()];
        RecordId::derived(time.map(RecordTime::timestamp), &parts)
    }

    /// The key as a number, to combine keys.
    pub(super) fn number(self) -> u128 {
        self.0
    }
}

/// The number of occurrences of each line so far.
///
/// Memory is bounded: beyond [`MEMORY_MAX_LINES`] the counts are in a temporary file, which has about 32
/// bytes a line and is removed by the operating system when the program ends.
pub(super) struct Occurrences {
    memory: HashMap<u128, u32>,
    disk: Option<DiskTable>,
    memory_max: usize,
}

impl Occurrences {
    pub(super) fn new() -> Self {
        Self { memory: HashMap::new(), disk: None, memory_max: MEMORY_MAX_LINES }
    }

    /// Counts a line, and returns the number of its occurrences including this one.
    ///
    /// # Errors
    /// When the temporary file cannot be created, read or written.
    pub(super) fn count(&mut self, key: LineKey) -> io::Result<u64> {
        if let Some(disk) = &mut self.disk {
            return disk.add(key.0, 1).map(u64::from);
        }
        let count = self.memory.entry(key.0).or_default();
        *count = count.saturating_add(1);
        let occurrence = u64::from(*count);
        if self.memory.len() > self.memory_max {
            let mut disk = DiskTable::create(self.memory.len())?;
            for (key, count) in std::mem::take(&mut self.memory) {
                disk.add(key, count)?;
            }
            self.disk = Some(disk);
        }
        Ok(occurrence)
    }
}

/// Copies a line without white space between JSON tokens; text that is not JSON may lose more.
fn compact(line: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut in_string = false;
    let mut escaped = false;
    for byte in line {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            continue;
        } else {
            in_string = *byte == b'"';
        }
        out.push(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(line: &str) -> LineKey {
        LineKey::new("", line.as_bytes(), &mut Vec::new())
    }

    #[test]
    fn white_space_between_tokens_does_not_count() {
        assert_eq!(key(r#"{"a": "b c",  "d":1}"#), key("{\r\n\"a\":\"b c\",\"d\" : 1}"));
        assert_ne!(key(r#"{"a":"b c"}"#), key(r#"{"a":"bc"}"#));
        assert_ne!(key(r#"{"a":"\" c"}"#), key(r#"{"a":"\"c"}"#));
    }

    #[test]
    fn sources_and_occurrences_have_separate_ids() {
        let line = br#"{"a":1}"#;
        let of = |source: &str| LineKey::new(source, line, &mut Vec::new());
        assert_ne!(of("a"), of("b"));
        assert_ne!(of("a").id(None, 1), of("a").id(None, 2));
        assert_eq!(of("a").id(None, 1), of("a").id(None, 1));
    }

    #[test]
    fn counts_continue_on_disk() {
        let mut occurrences = Occurrences { memory_max: 100, ..Occurrences::new() };
        for round in 1..=3 {
            for n in 0..5_000_u32 {
                let line = key(&n.to_string());
                assert_eq!(occurrences.count(line).unwrap(), round, "{n}");
            }
        }
        assert!(occurrences.disk.is_some());
    }
}
