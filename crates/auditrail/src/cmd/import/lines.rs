//! Lines, each at most as long as a record may be.

use std::io::{self, BufRead};

use memchr::memchr;

use super::piece::{Flaw, PIECE_MAX_BYTES, Piece, Place};

/// Some editors and shells put this at the beginning of a file; it is no part of the text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of an input that are not blank.
pub(super) struct Lines<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `input`, which begins with line 1.
    pub(super) fn new(input: R) -> Self {
        Self { input, line: 0, buffer: Vec::new() }
    }

    /// The next line that is not blank. What stands before an error without an end of line is not a
    /// line: its end is missing.
    pub(super) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        loop {
            let Some(bytes) = self.read_line()? else {
                return Ok(None);
            };
            self.line += 1;
            if self.line == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.drain(..BYTE_ORDER_MARK.len());
            }
            let too_long = bytes > PIECE_MAX_BYTES as u64;
            if !too_long && self.buffer.trim_ascii().is_empty() {
                continue;
            }
            let place = Place { line: self.line, nth: 0 };
            let body =
                if too_long { Err(Flaw::TooLong { bytes }) } else { Ok(self.buffer.trim_ascii()) };
            return Ok(Some(Piece { place, body }));
        }
    }

    /// Reads up to the end of the line, and keeps no more of it than a record may have. The length,
    /// or `None` at the end of the input.
    fn read_line(&mut self) -> io::Result<Option<u64>> {
        self.buffer.clear();
        let mut bytes = 0;
        let mut begun = false;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Ok(begun.then_some(bytes));
            }
            begun = true;
            let end = memchr(b'\n', available);
            let part = &available[..end.unwrap_or(available.len())];
            bytes += part.len() as u64;
            if bytes <= PIECE_MAX_BYTES as u64 {
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

    fn all(text: &[u8]) -> Vec<(u64, Result<Vec<u8>, Flaw>)> {
        let mut lines = Lines::new(io::BufReader::with_capacity(7, text));
        let mut out = Vec::new();
        while let Some(piece) = lines.next().unwrap() {
            out.push((piece.place.line, piece.body.map(<[u8]>::to_vec)));
        }
        out
    }

    #[test]
    fn blank_lines_count_and_are_passed_over() {
        let found = all(b"\xef\xbb\xbfone\r\n\n  \nfour\nand the last one has no end");
        let expected = [(1, "one"), (4, "four"), (5, "and the last one has no end")];
        let expected = expected.map(|(line, text)| (line, Ok(text.as_bytes().to_vec())));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_and_the_next_one_is_read() {
        let mut text = vec![b'x'; PIECE_MAX_BYTES + 1];
        text.extend_from_slice(b"\nnext");
        let bytes = PIECE_MAX_BYTES as u64 + 1;
        let expected = [(1, Err(Flaw::TooLong { bytes })), (2, Ok(b"next".to_vec()))];
        assert_eq!(all(&text), expected);
    }

    #[test]
    fn a_line_at_the_limit_is_read() {
        let text = vec![b'x'; PIECE_MAX_BYTES];
        assert_eq!(all(&text), [(1, Ok(text.clone()))]);
    }
}
