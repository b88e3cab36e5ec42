//! Splits JSON documents into records, without holding a whole document in memory.
//!
//! CloudTrail delivers files of one line `{"Records":[…]}`, megabytes long. They also occur
//! pretty-printed, concatenated, or as a bare array. The AWS command line prints `{"Events":[…]}`, and
//! arrays of strings that contain JSON. This module only finds the bounds of each record; the JSON parser
//! validates what is between.

mod scan;

use std::io::{self, BufRead};

use super::input::BYTE_ORDER_MARK;
use super::raw_record::{FramingError, Position, RECORD_MAX_BYTES, RawRecord};
use scan::{RECORDS_KEYS, Scan, Seen};

/// Iterates over the records of JSON documents.
pub(super) struct Documents<R> {
    input: R,
    state: State,
    line: u64,
    nth: u64,
    buffer: Vec<u8>,
}

/// The position between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Outside of a document.
    TopLevel,
    /// In the array of records; `in_object` if the array is the value of a key.
    Records { in_object: bool },
    /// After the array of records, in its enclosing object.
    AfterRecords,
}

/// The event that ended the scan of an object.
enum End {
    /// The object is complete.
    Closed { bytes: u64 },
    /// The object is a document, and its array of records starts here.
    Records,
    /// A string is not terminated on its line.
    OpenString,
}

impl<R: BufRead> Documents<R> {
    /// `line` is the line number of the first byte of `input`.
    pub(super) fn new(input: R, line: u64) -> Self {
        Self { input, state: State::TopLevel, line, nth: 0, buffer: Vec::new() }
    }

    /// The next record.
    ///
    /// # Errors
    /// When the input cannot be read, or ends inside a document.
    pub(super) fn next(&mut self) -> io::Result<Option<RawRecord<'_>>> {
        loop {
            if self.state == State::AfterRecords {
                self.rest_of_document()?;
                continue;
            }
            let Some(byte) = self.next_token()? else {
                return match self.state {
                    State::TopLevel => Ok(None),
                    State::Records { .. } | State::AfterRecords => Err(truncated()),
                };
            };
            let in_object = self.state == State::Records { in_object: true };
            match (byte, self.state) {
                (b'{', _) | (b'"', State::Records { .. }) => {
                    let position = self.position();
                    if let Some(flaw) = self.record(byte)? {
                        return Ok(Some(RawRecord { position, bytes: &self.buffer, flaw }));
                    }
                }
                (b'[', State::TopLevel) => {
                    self.input.consume(1);
                    self.enter(State::Records { in_object: false });
                }
                (b']', State::Records { .. }) => {
                    self.input.consume(1);
                    self.state = if in_object { State::AfterRecords } else { State::TopLevel };
                }
                _ => {
                    let position = self.position();
                    self.skip_other()?;
                    let flaw = Some(FramingError::NotAnObject);
                    let bytes = self.buffer.trim_ascii();
                    return Ok(Some(RawRecord { position, bytes, flaw }));
                }
            }
        }
    }

    /// The position of the next record, which increments the index.
    fn position(&mut self) -> Position {
        if self.state != State::TopLevel {
            self.nth += 1;
        }
        Position { line: self.line, nth: self.nth }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.nth = 0;
    }

    /// Reads a record into the buffer; `None` if the object is a document, whose records follow.
    fn record(&mut self, first: u8) -> io::Result<Option<Option<FramingError>>> {
        let scan = match self.state {
            State::TopLevel => Scan::document(),
            State::Records { .. } | State::AfterRecords if first == b'"' => Scan::string(),
            State::Records { .. } | State::AfterRecords => Scan::record(),
        };
        Ok(match self.object(scan, true)? {
            End::Closed { bytes } if bytes > RECORD_MAX_BYTES as u64 => {
                self.buffer.clear();
                Some(Some(FramingError::TooLong { bytes }))
            }
            End::Closed { .. } => Some(None),
            End::Records => {
                self.enter(State::Records { in_object: true });
                None
            }
            End::OpenString => {
                // The nesting depth is unknown now, so the next line starts at the top level.
                self.enter(State::TopLevel);
                Some(Some(FramingError::OpenString))
            }
        })
    }

    /// Skips the rest of a document; a second array of records in it is recognised.
    fn rest_of_document(&mut self) -> io::Result<()> {
        match self.object(Scan::rest_of_document(), false)? {
            End::Records => self.enter(State::Records { in_object: true }),
            End::Closed { .. } | End::OpenString => self.enter(State::TopLevel),
        }
        Ok(())
    }

    /// Peeks at the next byte that is neither white space, a comma nor part of a byte order mark.
    fn next_token(&mut self) -> io::Result<Option<u8>> {
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Ok(None);
            }
            let blank = |byte: &&u8| {
                matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',')
                    || BYTE_ORDER_MARK.contains(byte)
            };
            let blanks = available.iter().take_while(blank).count();
            let breaks = memchr::memchr_iter(b'\n', &available[..blanks]).count();
            let token = available.get(blanks).copied();
            self.line += breaks as u64;
            self.input.consume(blanks);
            if token.is_some() {
                return Ok(token);
            }
        }
    }

    /// Reads until the scan ends. With `keep`, buffers up to [`RECORD_MAX_BYTES`].
    fn object(&mut self, mut scan: Scan, keep: bool) -> io::Result<End> {
        self.buffer.clear();
        let mut bytes = 0;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Err(truncated());
            }
            let seen = available
                .iter()
                .enumerate()
                .find_map(|(at, byte)| scan.step(*byte).map(|seen| (at + 1, seen)));
            let used = seen.map_or(available.len(), |(used, _)| used);
            let part = &available[..used];
            bytes += used as u64;
            if keep && bytes <= RECORD_MAX_BYTES as u64 {
                self.buffer.extend_from_slice(part);
            }
            self.line += memchr::memchr_iter(b'\n', part).count() as u64;
            self.input.consume(used);
            match seen {
                None => {}
                Some((_, Seen::Closed)) => return Ok(End::Closed { bytes }),
                Some((_, Seen::Records)) => return Ok(End::Records),
                Some((_, Seen::OpenString)) => return Ok(End::OpenString),
            }
        }
    }

    /// Skips anything that is not a record: up to the next comma or bracket in an array of records, else
    /// to the end of the line. Buffers what is skipped, up to [`RECORD_MAX_BYTES`].
    fn skip_other(&mut self) -> io::Result<()> {
        let in_records = self.state != State::TopLevel;
        self.buffer.clear();
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Ok(());
            }
            let ends = |byte: &u8| match byte {
                b'\n' => true,
                b',' | b']' | b'{' => in_records,
                _ => false,
            };
            let end = available.iter().position(ends);
            // At least one byte is skipped, to make progress.
            let used = end.map_or(available.len(), |end| end.max(1));
            let kept = used.min(RECORD_MAX_BYTES - self.buffer.len());
            self.buffer.extend_from_slice(&available[..kept]);
            self.input.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

fn truncated() -> io::Error {
    let text = "unexpected end of file inside a JSON document";
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

/// Whether an input that begins with `begin` consists of JSON documents, rather than one record per line.
///
/// A document is an array, an object with an array under a key such as `Records`, an object followed by
/// another one on its line, or a pretty-printed object, whose first line ends with a brace and whose second one
/// continues it. A first line longer than
/// `begin` also counts as a document, since a record is far shorter.
pub(super) fn is_document(begin: &[u8]) -> bool {
    let begin = begin.trim_ascii_start();
    if begin.first() != Some(&b'{') {
        return begin.first() == Some(&b'[');
    }
    let mut scan = Scan::document();
    for (at, byte) in begin.iter().enumerate() {
        if *byte == b'\n' {
            let next = begin[at..].trim_ascii_start().first();
            // A record that is cut off after a brace is followed by another record.
            return begin[..at].trim_ascii_end().ends_with(b"{")
                && matches!(next, None | Some(b'"' | b'}'));
        }
        match scan.step(*byte) {
            None => {}
            Some(Seen::Records) => return true,
            // Some tools write records one after the other, without line breaks.
            Some(Seen::Closed) => return next_on_line(&begin[at + 1..]) == Some(&b'{'),
            Some(Seen::OpenString) => return false,
        }
    }
    true
}

fn next_on_line(text: &[u8]) -> Option<&u8> {
    text.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'))
}

/// Whether a line may be a document: it has one of the keys of an array of records, is an array, or has
/// several objects. A cheap test before [`is_document`].
pub(super) fn may_be_document(line: &[u8]) -> bool {
    let has = |text: &[u8]| memchr::memmem::find(line, text).is_some();
    line.starts_with(b"[")
        || [&b"}{"[..], b"}\t{", b"} {"].into_iter().any(has)
        || RECORDS_KEYS.iter().any(|key| has_key(line, key))
}

fn has_key(line: &[u8], key: &[u8]) -> bool {
    memchr::memmem::find_iter(line, key)
        .any(|at| at > 0 && line[at - 1] == b'"' && line.get(at + key.len()) == Some(&b'"'))
}

#[cfg(test)]
mod tests;
