//! An input file, decompressed if necessary, with look-ahead.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// Size of the read buffer.
const BUFFER_BYTES: usize = 128 * 1_024;
/// The first two bytes of every gzip member (RFC 1952 §2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
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

    /// Detects gzip by its first two bytes.
    pub(super) fn new(raw: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut raw = Self::plain(raw);
        if raw.peek(GZIP_MAGIC.len()).starts_with(&GZIP_MAGIC) {
            return Ok(Self::plain(Box::new(MultiGzDecoder::new(raw))));
        }
        // The very first read failed.
        match (raw.buffer.is_empty(), raw.deferred_error.take()) {
            (true, Some(error)) => Err(error),
            (_, deferred_error) => Ok(Self { deferred_error, ..raw }),
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

    /// Returns at least `len` bytes from the start, fewer only at the end of the input or before an
    /// error. Call it before anything is consumed, with `len` at most the buffer size.
    pub(super) fn peek(&mut self, len: usize) -> &[u8] {
        while self.buffer.len() < len && !self.is_at_end && self.deferred_error.is_none() {
            self.read_more();
        }
        &self.buffer
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
