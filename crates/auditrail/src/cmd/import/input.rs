//! A file to import, decompressed, read through one buffer.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// Bytes read at once.
const BUFFER_BYTES: usize = 128 * 1_024;
/// The first two bytes of every gzip member (RFC 1952 §2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Stands for stdin.
pub(super) const STDIN: &str = "-";

/// Bytes of a file, with a look ahead.
///
/// An error that comes up while looking ahead is kept until the bytes before it are used, so that
/// what stands before a broken place in a gzip file is not lost with it.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    failed: Option<io::Error>,
    ended: bool,
}

impl Input {
    /// Opens a file or stdin; `read` counts the bytes as they are on disk.
    pub(super) fn open(path: &Path, read: Arc<AtomicU64>) -> io::Result<Self> {
        let raw: Box<dyn Read + Send> = if path.as_os_str() == STDIN {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path)?)
        };
        Self::new(Box::new(Counted { inner: raw, read }))
    }

    /// Reads plain bytes or gzip, whichever the first two bytes say.
    pub(super) fn new(raw: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut raw = Self::plain(raw);
        if raw.peek(GZIP_MAGIC.len()).starts_with(&GZIP_MAGIC) {
            return Ok(Self::plain(Box::new(MultiGzDecoder::new(raw))));
        }
        // Nothing can be read at all, as of a directory.
        match (raw.buffer.is_empty(), raw.failed.take()) {
            (true, Some(error)) => Err(error),
            (_, failed) => Ok(Self { failed, ..raw }),
        }
    }

    fn plain(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            start: 0,
            failed: None,
            ended: false,
        }
    }

    /// Up to `wanted` of the next bytes, fewer only before the end or an error. To be called before
    /// anything else is read, for no more than the buffer holds.
    pub(super) fn peek(&mut self, wanted: usize) -> &[u8] {
        while self.buffer.len() < wanted && !self.ended && self.failed.is_none() {
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
                self.failed = Some(error);
                0
            }
        };
        self.ended = read == 0;
        self.buffer.truncate(filled + read);
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.buffer.len() {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            self.buffer.clear();
            self.start = 0;
            if !self.ended {
                self.read_more();
            }
            if let (true, Some(error)) = (self.buffer.is_empty(), self.failed.take()) {
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

/// Counts what is read, for the progress.
struct Counted {
    inner: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let amount = self.inner.read(out)?;
        self.read.fetch_add(amount as u64, Ordering::Relaxed);
        Ok(amount)
    }
}
