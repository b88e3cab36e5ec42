//! Reads the lines of an archive.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Take};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use auditrail_core::limits::ARCHIVE_LINE_MAX_BYTES;
use auditrail_core::{ArchiveManifest, ArchivedLine};
use sha2::{Digest, Sha256};

use super::dir::{ArchiveDir, hexadecimal, open_regular};
use super::error::ArchiveError;

/// Largest window of the compression: that of the level that archives are written with is below 4 MiB.
const WINDOW_LOG_MAX: u32 = 23;

/// The lines of an archive, from the first to the last.
///
/// Everything is compared with the manifest; only after [`next_line`](Self::next_line) has returned `None` is the content known to be what the manifest states.
pub struct ArchiveReader {
    path: PathBuf,
    expected: ArchiveManifest,
    found: ArchiveManifest,
    lines: BufReader<zstd::Decoder<'static, BufReader<Hashed>>>,
    lines_hash: Sha256,
    file_hash: Arc<Mutex<Sha256>>,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for ArchiveReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArchiveReader").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A file whose bytes are hashed as they are read.
struct Hashed {
    file: Take<File>,
    hash: Arc<Mutex<Sha256>>,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hash.lock().unwrap_or_else(PoisonError::into_inner).update(&buffer[..read]);
        Ok(read)
    }
}

impl ArchiveReader {
    /// Opens the lines of an archive.
    ///
    /// # Errors
    /// When the file cannot be opened, or has not the stated size.
    pub fn open(dir: &ArchiveDir, manifest: ArchiveManifest) -> Result<Self, ArchiveError> {
        let path = dir.file(&manifest.name().lines_file());
        let file = open_regular(&path)?;
        let bytes = file.metadata().map_err(ArchiveError::io("read", &path))?.len();
        if bytes != manifest.file_bytes {
            let stated = manifest.file_bytes;
            let detail = format!("it has {bytes} bytes, its manifest states {stated}");
            return Err(ArchiveError::invalid(&path, detail));
        }
        let file_hash = Arc::new(Mutex::new(Sha256::new()));
        let hashed = Hashed { file: file.take(bytes), hash: Arc::clone(&file_hash) };
        let decoder = zstd::Decoder::with_buffer(BufReader::new(hashed)).and_then(|mut decoder| {
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            Ok(decoder)
        });
        let decoder = decoder.map_err(ArchiveError::io("read", &path))?;
        let found = ArchiveManifest::empty(manifest.name(), "", "");
        Ok(Self {
            path,
            expected: manifest,
            found,
            lines: BufReader::new(decoder),
            lines_hash: Sha256::new(),
            file_hash,
            buffer: Vec::new(),
        })
    }

    /// The next line without its line feed, or `None` at the end.
    ///
    /// # Errors
    /// When the file is damaged, or not what the manifest states.
    pub fn next_line(&mut self) -> Result<Option<(ArchivedLine, &str)>, ArchiveError> {
        let left = self.expected.lines_bytes - self.found.lines_bytes;
        let max = self.expected.longest_line_bytes.min(ARCHIVE_LINE_MAX_BYTES as u64);
        self.buffer.clear();
        // One byte more than there may be, so that excess is noticed and no more than that is read.
        let mut bounded = (&mut self.lines).take(max.min(left) + 1);
        let read = bounded
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| ArchiveError::invalid(&self.path, format!("damaged: {error}")))?;
        if read == 0 {
            return self.check_end().map(|()| None);
        }
        let number = self.found.records + 1;
        let invalid =
            |detail: String| ArchiveError::invalid(&self.path, format!("line {number}: {detail}"));
        let read = read as u64;
        if self.buffer.last() != Some(&b'\n') || read > max || read > left {
            return Err(invalid("it is longer than the manifest states, or has no end".to_owned()));
        }
        self.lines_hash.update(&self.buffer);
        let text = &self.buffer[..self.buffer.len() - 1];
        let line = ArchivedLine::parse(text).map_err(|error| invalid(error.to_string()))?;
        let text = std::str::from_utf8(text).map_err(|error| invalid(error.to_string()))?;
        self.found.include(&line, read);
        Ok(Some((line, text)))
    }

    /// Compares everything that was read with the manifest.
    fn check_end(&self) -> Result<(), ArchiveError> {
        let file_hash = self.file_hash.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (found, expected) = (&self.found, &self.expected);
        let differences = [
            ("number of records", found.records != expected.records),
            ("number of bytes", found.lines_bytes != expected.lines_bytes),
            ("longest line", found.longest_line_bytes != expected.longest_line_bytes),
            (
                "range of created_at",
                (found.oldest, found.newest) != (expected.oldest, expected.newest),
            ),
            (
                "range of ids",
                (found.lowest_id, found.highest_id) != (expected.lowest_id, expected.highest_id),
            ),
            (
                "range of transaction ids",
                (found.lowest_xact_id, found.highest_xact_id)
                    != (expected.lowest_xact_id, expected.highest_xact_id),
            ),
            (
                "SHA-256 of the lines",
                hexadecimal(&self.lines_hash.clone().finalize()) != expected.lines_sha256,
            ),
            ("SHA-256 of the file", hexadecimal(&file_hash.finalize()) != expected.file_sha256),
        ];
        match differences.iter().find(|(_, differs)| *differs) {
            Some((what, _)) => Err(ArchiveError::invalid(
                &self.path,
                format!("the {what} is not as its manifest states"),
            )),
            None => Ok(()),
        }
    }
}
