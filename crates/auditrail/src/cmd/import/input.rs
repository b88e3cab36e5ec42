//! An input file, decompressed and decoded if necessary, with look-ahead.

mod magic;
mod utf16;

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use utf16::Utf16Reader;

/// Size of the read buffer.
const BUFFER_BYTES: usize = 128 * 1_024;
/// The first two bytes of every gzip member (RFC 1952 §2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Most layers of gzip; some stores compress files that are compressed already.
const GZIP_MAX_LAYERS: usize = 3;
/// The UTF-8 byte order mark that some editors and tools write.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The path that stands for stdin.
pub(super) const STDIN: &str = "-";

/// A buffered reader with look-ahead.
///
/// A read error during look-ahead is deferred until the bytes before it are consumed, so that the intact
/// part of a corrupt gzip file is still read.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    deferred_error: Option<io::Error>,
    is_at_end: bool,
}

impl Input {
    /// Opens a file or stdin. `read` counts the bytes read, before decompression.
    pub(super) fn open(path: &Path, read: Arc<AtomicU64>) -> io::Result<Self> {
        let raw: Box<dyn Read + Send> = if path.as_os_str() == STDIN {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path)?)
        };
        Self::new(Box::new(CountingReader { inner: raw, read }))
    }

    /// Detects gzip, UTF-16 and a byte order mark by the first bytes.
    ///
    /// # Errors
    /// When the input cannot be read, or is in a format that cannot be imported
    /// ([`io::ErrorKind::Unsupported`]).
    pub(super) fn new(raw: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut input = Self::plain(raw);
        for _ in 0..GZIP_MAX_LAYERS {
            if !input.peek(GZIP_MAGIC.len()).starts_with(&GZIP_MAGIC) {
                break;
            }
            input = Self::plain(Box::new(MultiGzDecoder::new(input)));
        }
        let begin = input.peek(magic::LOOK_AHEAD_BYTES);
        if let Some(message) = magic::unsupported(begin) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        if let Some(order) = utf16::detect(begin) {
            input = Self::plain(Box::new(Utf16Reader::new(input, order)));
        }
        if input.peek(BYTE_ORDER_MARK.len()).starts_with(BYTE_ORDER_MARK) {
            input.consume(BYTE_ORDER_MARK.len());
        }
        // The very first read failed.
        match (input.buffer.is_empty(), input.deferred_error.take()) {
            (true, Some(error)) => Err(error),
            (_, deferred_error) => Ok(Self { deferred_error, ..input }),
        }
    }

    fn plain(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            start: 0,
            deferred_error: None,
            is_at_end: false,
        }
    }

    /// Returns at least the next `len` bytes, fewer only at the end of the input or before an error. Call it
    /// before the first read, with `len` less than the buffer size.
    pub(super) fn peek(&mut self, len: usize) -> &[u8] {
        let end = self.start + len;
        while self.buffer.len() < end && !self.is_at_end && self.deferred_error.is_none() {
            self.read_more();
        }
        &self.buffer[self.start..]
    }

    fn read_more(&mut self) {
        let filled = self.buffer.len();
        self.buffer.resize(BUFFER_BYTES, 0);
        let outcome = loop {
            match self.reader.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome,
            }
        };
        let read = match outcome {
            Ok(read) => read,
            Err(error) => {
                self.deferred_error = Some(error);
                0
            }
        };
        self.is_at_end = read == 0;
        self.buffer.truncate(filled + read);
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.buffer.len() {
            if let Some(error) = self.deferred_error.take() {
                return Err(error);
            }
            self.buffer.clear();
            self.start = 0;
            if !self.is_at_end {
                self.read_more();
            }
            if let (true, Some(error)) = (self.buffer.is_empty(), self.deferred_error.take()) {
                return Err(error);
            }
        }
        Ok(&self.buffer[self.start..])
    }

    fn consume(&mut self, amount: usize) {
        self.start += amount;
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let amount = available.len().min(out.len());
        out[..amount].copy_from_slice(&available[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}

/// Counts the bytes read, for the progress.
struct CountingReader {
    inner: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for CountingReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let amount = self.inner.read(out)?;
        self.read.fetch_add(amount as u64, Ordering::Relaxed);
        Ok(amount)
    }
}
