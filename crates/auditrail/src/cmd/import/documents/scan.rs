//! A byte-wise JSON scanner that tracks brackets and strings.

/// The keys of an array of records: in the files that CloudTrail writes; in the output of `aws cloudtrail
/// lookup-events`; in that of `aws logs filter-log-events`; in the messages of a CloudWatch Logs
/// subscription.
pub(super) const RECORDS_KEYS: [&[u8]; 4] = [b"Records", b"Events", b"events", b"logEvents"];
/// Length of the longest of the keys.
const KEY_MAX_BYTES: usize = 9;

/// Scans an object to its end, and detects its array of records.
pub(super) struct Scan {
    depth: u32,
    in_string: bool,
    escaped: bool,
    detect_records: bool,
    /// The value is a string and not an object.
    is_string: bool,
    /// The last string, truncated to one byte more than [`KEY_MAX_BYTES`].
    key: Vec<u8>,
    after_key: AfterKey,
}

/// A scan event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The value ended.
    Closed,
    /// The array under one of the [`RECORDS_KEYS`] started.
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

    /// Scans a string, from its quote.
    pub(super) fn string() -> Self {
        Self { is_string: true, ..Self::new(0, false) }
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
            is_string: false,
            key: Vec::with_capacity(KEY_MAX_BYTES + 1),
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
                let may_be_key = self.detect_records && self.depth == 1;
                let is_key = may_be_key && RECORDS_KEYS.contains(&self.key.as_slice());
                self.after_key = if is_key { AfterKey::Key } else { AfterKey::No };
                return self.is_string.then_some(Seen::Closed);
            }
            _ => self.escaped = false,
        }
        if self.key.len() <= KEY_MAX_BYTES {
            self.key.push(byte);
        }
        None
    }
}
