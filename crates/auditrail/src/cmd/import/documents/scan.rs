//! A byte-wise JSON scanner that tracks brackets and strings.

/// The key of the array of records.
const RECORDS: &[u8] = b"Records";

/// Scans an object to its end, and detects its array of records.
pub(super) struct Scan {
    depth: u32,
    in_string: bool,
    escaped: bool,
    detect_records: bool,
    /// The last string, truncated to one byte more than the length of [`RECORDS`].
    key: Vec<u8>,
    after_key: AfterKey,
}

/// A scan event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The object ended.
    Closed,
    /// The array under the key `Records` started.
    Records,
    /// A line ended inside a string.
    OpenString,
}

/// How much of `"Records": [` was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterKey {
    No,
    Key,
    Colon,
}

impl Scan {
    /// Scans an object that may be a document, from its first byte.
    pub(super) fn document() -> Self {
        Self::new(0, true)
    }

    /// Scans an object that is a record, from its first byte.
    pub(super) fn record() -> Self {
        Self::new(0, false)
    }

    /// Scans the rest of a document, after its array of records.
    pub(super) fn rest_of_document() -> Self {
        Self::new(1, true)
    }

    fn new(depth: u32, detect_records: bool) -> Self {
        Self {
            depth,
            in_string: false,
            escaped: false,
            detect_records,
            key: Vec::with_capacity(RECORDS.len() + 1),
            after_key: AfterKey::No,
        }
    }

    /// Scans the next byte.
    pub(super) fn step(&mut self, byte: u8) -> Option<Seen> {
        if self.in_string {
            return self.step_in_string(byte);
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => None,
            b'"' => {
                self.in_string = true;
                self.key.clear();
                self.after_key = AfterKey::No;
                None
            }
            b'[' if self.after_key == AfterKey::Colon => Some(Seen::Records),
            b'{' | b'[' => {
                self.depth += 1;
                self.after_key = AfterKey::No;
                None
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.after_key = AfterKey::No;
                (self.depth == 0).then_some(Seen::Closed)
            }
            b':' if self.after_key == AfterKey::Key => {
                self.after_key = AfterKey::Colon;
                None
            }
            _ => {
                self.after_key = AfterKey::No;
                None
            }
        }
    }

    fn step_in_string(&mut self, byte: u8) -> Option<Seen> {
        match (self.escaped, byte) {
            (_, b'\n') => return Some(Seen::OpenString),
            (false, b'\\') => {
                self.escaped = true;
                return None;
            }
            (false, b'"') => {
                self.in_string = false;
                let is_records_key = self.detect_records && self.depth == 1 && self.key == RECORDS;
                self.after_key = if is_records_key { AfterKey::Key } else { AfterKey::No };
                return None;
            }
            _ => self.escaped = false,
        }
        if self.key.len() <= RECORDS.len() {
            self.key.push(byte);
        }
        None
    }
}
