//! JSON documents that hold records, read without ever holding a whole document.
//!
//! CloudTrail delivers files that are one line of `{"Records":[…]}`, megabytes long; people also have
//! them pretty-printed, concatenated, or as a bare array. This finds where each record begins and
//! ends and leaves it to the JSON parser to judge what is between.

mod scan;

use std::io::{self, BufRead};

use super::piece::{Flaw, PIECE_MAX_BYTES, Piece, Place};
use scan::{Scan, Seen};

/// The records of an input of JSON documents.
pub(super) struct Documents<R> {
    input: R,
    within: Within,
    line: u64,
    nth: u64,
    buffer: Vec<u8>,
}

/// Where between two records we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// Outside every document.
    Nothing,
    /// In the array of records; `of_object` when that is part of an object.
    Records { of_object: bool },
    /// After the records, in the object that has them.
    Object,
}

/// What reading an object came to.
enum End {
    /// It is closed; it had this many bytes.
    Closed { bytes: u64 },
    /// It is a document, and its records begin here.
    Records,
    /// One of its strings is not closed on its line.
    OpenString,
}

impl<R: BufRead> Documents<R> {
    /// The records of `input`, whose first byte is on `line`.
    pub(super) fn new(input: R, line: u64) -> Self {
        Self { input, within: Within::Nothing, line, nth: 0, buffer: Vec::new() }
    }

    /// The next record. An input that ends within a document is an error.
    pub(super) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        loop {
            if self.within == Within::Object {
                self.rest_of_document()?;
                continue;
            }
            let Some(byte) = self.next_token()? else {
                return match self.within {
                    Within::Nothing => Ok(None),
                    Within::Records { .. } | Within::Object => Err(cut_off()),
                };
            };
            let of_object = self.within == Within::Records { of_object: true };
            match (byte, self.within) {
                (b'{', _) => {
                    let place = self.place();
                    if let Some(found) = self.record()? {
                        let body = found.map(|()| self.buffer.as_slice());
                        return Ok(Some(Piece { place, body }));
                    }
                }
                (b'[', Within::Nothing) => {
                    self.input.consume(1);
                    self.enter(Within::Records { of_object: false });
                }
                (b']', Within::Records { .. }) => {
                    self.input.consume(1);
                    self.within = if of_object { Within::Object } else { Within::Nothing };
                }
                _ => {
                    let place = self.place();
                    self.skip_other()?;
                    let body = Err(Flaw::NotAnObject);
                    return Ok(Some(Piece { place, body }));
                }
            }
        }
    }

    /// Where the next record begins, which counts it.
    fn place(&mut self) -> Place {
        if self.within != Within::Nothing {
            self.nth += 1;
        }
        Place { line: self.line, nth: self.nth }
    }

    fn enter(&mut self, within: Within) {
        self.within = within;
        self.nth = 0;
    }

    /// Reads a record; `None` when it was a document, whose records begin now.
    fn record(&mut self) -> io::Result<Option<Result<(), Flaw>>> {
        let scan = match self.within {
            Within::Nothing => Scan::document(),
            Within::Records { .. } | Within::Object => Scan::record(),
        };
        Ok(match self.object(scan, true)? {
            End::Closed { bytes } if bytes > PIECE_MAX_BYTES as u64 => {
                Some(Err(Flaw::TooLong { bytes }))
            }
            End::Closed { .. } => Some(Ok(())),
            End::Records => {
                self.enter(Within::Records { of_object: true });
                None
            }
            End::OpenString => {
                // Nothing tells how deep we are now; the next line is taken for a fresh start.
                self.enter(Within::Nothing);
                Some(Err(Flaw::OpenString))
            }
        })
    }

    /// Passes over what follows the records; a second array of records would be found.
    fn rest_of_document(&mut self) -> io::Result<()> {
        match self.object(Scan::rest_of_document(), false)? {
            End::Records => self.enter(Within::Records { of_object: true }),
            End::Closed { .. } | End::OpenString => self.enter(Within::Nothing),
        }
        Ok(())
    }

    /// The next byte that is neither blank nor a comma; it is not used up.
    fn next_token(&mut self) -> io::Result<Option<u8>> {
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Ok(None);
            }
            let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',');
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

    /// Reads on until the scan ends, and keeps the bytes, up to the most a record may have.
    fn object(&mut self, mut scan: Scan, keep: bool) -> io::Result<End> {
        self.buffer.clear();
        let mut bytes = 0;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Err(cut_off());
            }
            let seen = available
                .iter()
                .enumerate()
                .find_map(|(at, byte)| scan.step(*byte).map(|seen| (at + 1, seen)));
            let used = seen.map_or(available.len(), |(used, _)| used);
            let part = &available[..used];
            bytes += used as u64;
            if keep && bytes <= PIECE_MAX_BYTES as u64 {
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

    /// Passes over something that is no record: to the next comma or bracket among records, else to
    /// the end of the line.
    fn skip_other(&mut self) -> io::Result<()> {
        let among_records = self.within != Within::Nothing;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Ok(());
            }
            let ends = |byte: &u8| match byte {
                b'\n' => true,
                b',' | b']' | b'{' => among_records,
                _ => false,
            };
            let end = available.iter().position(ends);
            // One byte is passed over in any case: it is what was no record.
            let used = end.map_or(available.len(), |end| end.max(1));
            self.input.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

fn cut_off() -> io::Error {
    let text = "unexpected end of file inside a JSON document";
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

/// Whether text that begins like this is JSON documents; else it is a record per line.
///
/// Documents are an array, an object whose first key is `Records`, or an object that is broken over
/// lines, which a pretty-printer does right after its first bracket. A first line of which no end is
/// in sight is taken for a document, since a record is far shorter.
pub(super) fn is_document(begin: &[u8]) -> bool {
    let begin = begin.trim_ascii_start();
    if begin.first() != Some(&b'{') {
        return begin.first() == Some(&b'[');
    }
    let mut scan = Scan::document();
    for (at, byte) in begin.iter().enumerate() {
        if *byte == b'\n' {
            return matches!(begin[..at].trim_ascii_end().last(), Some(b'{' | b'['));
        }
        match scan.step(*byte) {
            None => {}
            Some(Seen::Records) => return true,
            Some(Seen::Closed | Seen::OpenString) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
