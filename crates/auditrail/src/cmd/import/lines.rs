//! Splits the input into lines of limited length.

use std::io::{self, BufRead, Read as _};

use memchr::memchr;

use super::input::BYTE_ORDER_MARK;
use super::raw_record::{FramingError, Position, RECORD_MAX_BYTES, RawRecord};

/// Iterates over the lines of an input, except blank ones.
pub(super) struct Lines<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: 0, buffer: Vec::new() }
    }

    /// The input from the start of the last line that was read, and the number of that line.
    pub(super) fn into_rest(self) -> (impl BufRead, u64) {
        let mut line = self.buffer;
        line.push(b'\n');
        (io::Cursor::new(line).chain(self.input), self.line)
    }

    /// The next line that is not blank. An incomplete line before a read error is discarded.
    pub(super) fn next(&mut self) -> io::Result<Option<RawRecord<'_>>> {
        loop {
            let Some(bytes) = self.read_line()? else {
                return Ok(None);
            };
            self.line += 1;
            // Files that were concatenated have one in the middle as well.
            if self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.drain(..BYTE_ORDER_MARK.len());
            }
            let too_long = bytes > RECORD_MAX_BYTES as u64;
            if !too_long && self.buffer.trim_ascii().is_empty() {
                continue;
            }
            let flaw = too_long.then_some(FramingError::TooLong { bytes });
            if too_long {
                self.buffer.clear();
            }
            let position = Position { line: self.line, nth: 0 };
            return Ok(Some(RawRecord { position, bytes: self.buffer.trim_ascii(), flaw }));
        }
    }

    /// Reads to the end of the line, and buffers at most [`RECORD_MAX_BYTES`] of it. Returns the length of
    /// the line, or `None` at the end of the input.
    fn read_line(&mut self) -> io::Result<Option<u64>> {
        self.buffer.clear();
        let mut bytes = 0;
        let mut is_in_line = false;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Ok(is_in_line.then_some(bytes));
            }
            is_in_line = true;
            let end = memchr(b'\n', available);
            let part = &available[..end.unwrap_or(available.len())];
            bytes += part.len() as u64;
            if bytes <= RECORD_MAX_BYTES as u64 {
                self.buffer.extend_from_slice(part);
            } else if self.buffer.capacity() > 0 {
                self.buffer = Vec::new();
            }
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(bytes));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<(u64, Result<Vec<u8>, FramingError>)> {
        let mut lines = Lines::new(io::BufReader::with_capacity(7, text));
        let mut out = Vec::new();
        while let Some(raw) = lines.next().unwrap() {
            let body = raw.flaw.map_or_else(|| Ok(raw.bytes.to_vec()), Err);
            out.push((raw.position.line, body));
        }
        out
    }

    #[test]
    fn blank_lines_are_counted_and_skipped() {
        let lines = all(b"\xef\xbb\xbfone\r\n\n  \n\xef\xbb\xbffour\nand the last one has no end");
        let expected = [(1, "one"), (4, "four"), (5, "and the last one has no end")];
        let expected = expected.map(|(line, text)| (line, Ok(text.as_bytes().to_vec())));
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_over_the_limit_is_skipped() {
        let mut text = vec![b'x'; RECORD_MAX_BYTES + 1];
        text.extend_from_slice(b"\nnext");
        let bytes = RECORD_MAX_BYTES as u64 + 1;
        let expected = [(1, Err(FramingError::TooLong { bytes })), (2, Ok(b"next".to_vec()))];
        assert_eq!(all(&text), expected);
    }

    #[test]
    fn a_line_at_the_limit_is_read() {
        let text = vec![b'x'; RECORD_MAX_BYTES];
        assert_eq!(all(&text), [(1, Ok(text.clone()))]);
    }
}
