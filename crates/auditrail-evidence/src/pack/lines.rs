//! Reads `records.ndjson` in parts of whole lines, and the hashes of a pack.

use memchr::{memchr_iter, memrchr};
use tlog::Hash;

use super::container::{EntryReader, PackSource};
use super::error::PackError;
use super::limits::LINE_MAX;
use super::line::Leaf;

/// Bytes that are read at once.
const READ: usize = 256 * 1024;

/// Whole lines.
pub(super) struct Part {
    bytes: Vec<u8>,
    /// The number of the first line, from 1.
    first: u64,
}

/// The leaves of a part, and the first line that has none.
pub(super) struct Leaves {
    pub(super) leaves: Vec<Leaf>,
    pub(super) error: Option<PackError>,
}

/// The lines of a file.
pub(super) struct Parts<'a, S: ?Sized> {
    reader: EntryReader<'a, S>,
    /// The start of a line.
    rest: Vec<u8>,
    /// The number of the next line.
    next: u64,
}

impl<'a, S: PackSource + ?Sized> Parts<'a, S> {
    pub(super) const fn new(reader: EntryReader<'a, S>) -> Self {
        Self { reader, rest: Vec::new(), next: 1 }
    }

    /// The next part; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Part>, PackError> {
        let mut bytes = std::mem::take(&mut self.rest);
        loop {
            let filled = bytes.len();
            if filled > LINE_MAX {
                return Err(PackError::LineTooLong { number: self.next });
            }
            bytes.resize(filled + READ, 0);
            let read = self.reader.read(&mut bytes[filled..])?;
            bytes.truncate(filled + read);
            if read == 0 && bytes.is_empty() {
                return Ok(None);
            }
            if read == 0 {
                return Err(PackError::Unterminated { number: self.next });
            }
            // The bytes before have no newline.
            if let Some(last) = memrchr(b'\n', &bytes[filled..]) {
                self.rest = bytes.split_off(filled + last + 1);
                let part = Part { first: self.next, bytes };
                self.next += memchr_iter(b'\n', &part.bytes).count() as u64;
                return Ok(Some(part));
            }
        }
    }
}

impl Part {
    /// The leaf of each line, up to the first that has none.
    pub(super) fn leaves(&self) -> Leaves {
        let mut leaves = Leaves { leaves: Vec::new(), error: None };
        let mut start = 0;
        for (number, end) in (self.first..).zip(memchr_iter(b'\n', &self.bytes)) {
            let line = &self.bytes[start..end];
            start = end + 1;
            match Leaf::read(line, number) {
                Ok(leaf) => leaves.leaves.push(leaf),
                Err(error) => {
                    leaves.error = Some(error);
                    break;
                }
            }
        }
        leaves
    }
}

/// The hashes of a pack.
pub(super) struct Hashes<'a, S: ?Sized> {
    reader: EntryReader<'a, S>,
    buffer: Vec<u8>,
    position: usize,
}

impl<'a, S: PackSource + ?Sized> Hashes<'a, S> {
    pub(super) const fn new(reader: EntryReader<'a, S>) -> Self {
        Self { reader, buffer: Vec::new(), position: 0 }
    }

    /// The next hash; `None` at the end. An incomplete hash at the end counts as one.
    pub(super) fn next(&mut self) -> Result<Option<Hash>, PackError> {
        if self.position == self.buffer.len() {
            self.fill()?;
        }
        let rest = &self.buffer[self.position..];
        let taken = rest.len().min(Hash::BYTES);
        let mut hash = [0; Hash::BYTES];
        hash[..taken].copy_from_slice(&rest[..taken]);
        self.position += taken;
        Ok((taken > 0).then_some(Hash(hash)))
    }

    fn fill(&mut self) -> Result<(), PackError> {
        self.position = 0;
        self.buffer.resize(READ, 0);
        let mut filled = 0;
        while filled < READ {
            match self.reader.read(&mut self.buffer[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}
