//! Follows the brackets and strings of JSON, a byte at a time.

/// The key whose array holds the records.
const RECORDS: &[u8] = b"Records";

/// Follows an object to its end, and looks out for records in it.
pub(super) struct Scan {
    depth: u32,
    in_string: bool,
    escaped: bool,
    looks_for_records: bool,
    /// The last string at the first level, up to one byte more than the key that is looked for.
    key: Vec<u8>,
    after_key: AfterKey,
}

/// What the scan saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The object is closed.
    Closed,
    /// The array under the key `Records` begins.
    Records,
    /// A line ends within a string.
    OpenString,
}

/// How far a key `Records` has been followed by what makes it a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterKey {
    No,
    Key,
    Colon,
}

impl Scan {
    /// Follows an object, from its first byte, that may hold records.
    pub(super) fn document() -> Self {
        Self::new(0, true)
    }

    /// Follows an object, from its first byte, that is a record.
    pub(super) fn record() -> Self {
        Self::new(0, false)
    }

    /// Follows an object from behind its records.
    pub(super) fn rest_of_document() -> Self {
        Self::new(1, true)
    }

    fn new(depth: u32, looks_for_records: bool) -> Self {
        Self {
            depth,
            in_string: false,
            escaped: false,
            looks_for_records,
            key: Vec::with_capacity(RECORDS.len() + 1),
            after_key: AfterKey::No,
        }
    }

    /// Takes the next byte.
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
                let found = self.looks_for_records && self.depth == 1 && self.key == RECORDS;
                self.after_key = if found { AfterKey::Key } else { AfterKey::No };
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
