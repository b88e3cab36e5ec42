//! Reads files into chunks of records, on a thread of its own.

mod chunk;
mod same_files;

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use auditrail_core::{CreateInput, RecordId, RecordTime, TenantId};
use jiff::Timestamp;
use tokio::sync::mpsc::Sender;

use super::documents::{Documents, is_document, may_be_document};
use super::input::Input;
use super::lines::Lines;
use super::occurrences::{LineKey, Occurrences};
use super::raw_record::{Position, RawRecord};
use super::reject::{REASONS_MAGIC, Reason, Reject};
use super::{cloudtrail, ndjson};
use crate::cli::ImportFormat;
pub(super) use chunk::{Chunk, FileEnd, Origin};
use same_files::SameFiles;

/// Maximum number of records in a chunk: enough to amortise the transaction, few enough for three chunks
/// in little memory.
const CHUNK_MAX_RECORDS: usize = 5_000;
/// Maximum input bytes in a chunk, for large records.
const CHUNK_MAX_BYTES: usize = 4 * 1_024 * 1_024;
/// Look-ahead to distinguish documents from lines; a record is rarely as long.
const LOOK_AHEAD_BYTES: usize = 64 * 1_024;

/// The input files and the options of reading them.
pub(super) struct ReaderOptions {
    pub(super) files: Vec<PathBuf>,
    pub(super) format: ImportFormat,
    pub(super) tenant: Option<TenantId>,
    /// The source of lines without an id, which is a part of derived ids.
    pub(super) source: String,
    /// Stop at the first reject.
    pub(super) strict: bool,
    /// Keep the raw bytes of rejected records.
    pub(super) keep_rejects: bool,
    pub(super) now: Timestamp,
    /// Bytes read so far, before decompression.
    pub(super) read: Arc<AtomicU64>,
}

/// Reading a file ends early.
enum End {
    /// The writer is gone, or a record was rejected in strict mode: nothing more is read.
    Stop,
    /// The file cannot be read, or lines cannot be counted.
    Failed(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads all files and sends their records.
pub(super) fn read(options: &ReaderOptions, chunks: &Sender<Chunk>) {
    let mut reader = Reader {
        options,
        chunks,
        chunk: Chunk::default(),
        file: 0,
        record_count: 0,
        occurrences: Occurrences::new(),
        same_files: SameFiles::default(),
        scratch: Vec::new(),
    };
    for (file, path) in options.files.iter().enumerate() {
        if reader.read_file(file, path).is_err() {
            break;
        }
    }
    // If the receiver is gone, the writer has reported its error.
    drop(reader.send());
}

struct Reader<'a> {
    options: &'a ReaderOptions,
    chunks: &'a Sender<Chunk>,
    chunk: Chunk,
    file: usize,
    record_count: u64,
    occurrences: Occurrences,
    same_files: SameFiles,
    scratch: Vec<u8>,
}

impl Reader<'_> {
    /// Reads a file; an error means that no other file is read.
    fn read_file(&mut self, file: usize, path: &Path) -> Result<(), End> {
        self.file = file;
        self.record_count = 0;
        let mut notes = Vec::new();
        let error = match self.read_records(path) {
            Ok(note) => {
                notes.extend(note.map(|note| format!("{} {note}", path.display())));
                None
            }
            Err(End::Stop) => return Err(End::Stop),
            Err(End::Failed(error)) => {
                self.discard_current_file();
                Some(error)
            }
        };
        notes.extend(self.same_files.end(path));
        let stop = self.options.strict && error.is_some();
        self.chunk.ended.push(FileEnd { file, records: self.record_count, error, notes });
        if stop { Err(End::Stop) } else { Ok(()) }
    }

    /// Removes the records of the current file from the chunk. The checksum of a compressed file is at its
    /// end, so data shortly before an error is not trusted.
    fn discard_current_file(&mut self) {
        let file = self.file;
        let kept = self.chunk.origins.iter().take_while(|origin| origin.file != file).count();
        self.chunk.truncate(kept);
    }

    /// Reads the records of a file; returns why there are none, if it is a file that has none.
    fn read_records(&mut self, path: &Path) -> Result<Option<&'static str>, End> {
        let mut input = Input::open(path, Arc::clone(&self.options.read))?;
        let is_cloudtrail = self.options.format == ImportFormat::Cloudtrail;
        let begin = input.peek(if is_cloudtrail { LOOK_AHEAD_BYTES } else { REASONS_MAGIC.len() });
        if begin.starts_with(REASONS_MAGIC) {
            return Ok(Some("is a file of reasons that --rejects wrote; it was skipped"));
        }
        if is_cloudtrail && cloudtrail::is_digest_file(begin) {
            return Ok(Some("is a CloudTrail digest file, which has no records; it was skipped"));
        }
        if is_cloudtrail && is_document(begin) {
            self.documents(Documents::new(input, 1))?;
            return Ok(None);
        }
        let mut lines = Lines::new(input);
        while let Some(raw) = lines.next()? {
            if is_cloudtrail && matches!(raw.bytes, b"{" | b"[") {
                // From here on records are pretty-printed.
                let (rest, line) = lines.into_rest();
                self.documents(Documents::new(rest, line))?;
                return Ok(None);
            }
            self.line(&raw)?;
        }
        Ok(None)
    }

    fn documents(&mut self, mut documents: Documents<impl BufRead>) -> Result<(), End> {
        while let Some(raw) = documents.next()? {
            self.raw_record(&raw)?;
        }
        Ok(())
    }

    /// Reads a line, which is a record or a CloudTrail document.
    fn line(&mut self, raw: &RawRecord<'_>) -> Result<(), End> {
        let bytes = raw.bytes;
        let has_documents = self.options.format == ImportFormat::Cloudtrail
            && may_be_document(bytes)
            && is_document(bytes);
        if raw.flaw.is_some() || !has_documents {
            return self.raw_record(raw);
        }
        let mut documents = Documents::new(bytes, raw.position.line);
        loop {
            match documents.next() {
                Ok(Some(raw)) => self.raw_record(&raw)?,
                Ok(None) => return Ok(()),
                Err(error) => {
                    let reason = Reason::new("not_json", format!("not JSON: {error}"));
                    return self.reject(raw.position, reason, bytes);
                }
            }
        }
    }

    fn raw_record(&mut self, raw: &RawRecord<'_>) -> Result<(), End> {
        let RawRecord { position, bytes, flaw } = *raw;
        if let Some(flaw) = flaw {
            return self.reject(position, flaw.into(), bytes);
        }
        match self.parse(bytes) {
            Ok(Some(input)) => {
                self.record_count += 1;
                self.accept(input, position, bytes)
            }
            Ok(None) => Ok(()),
            Err(reason) => self.reject(position, reason, bytes),
        }
    }

    fn parse(&self, bytes: &[u8]) -> Result<Option<CreateInput>, Reason> {
        let options = self.options;
        let input = match options.format {
            ImportFormat::Ndjson => ndjson::parse(bytes, options.now)?,
            ImportFormat::Cloudtrail => Some(cloudtrail::parse(bytes, options.now)?),
        };
        input.map(|input| self.with_tenant(input)).transpose()
    }

    fn with_tenant(&self, input: CreateInput) -> Result<CreateInput, Reason> {
        match (&self.options.tenant, &input.tenant_id) {
            (Some(tenant), Some(other)) if tenant != other => {
                let text = "tenant_id: does not match --tenant";
                Err(Reason::new("other_tenant", text))
            }
            (Some(tenant), _) => Ok(input.with_tenant(tenant.clone())),
            (None, _) => Ok(input),
        }
    }

    fn accept(&mut self, input: CreateInput, position: Position, bytes: &[u8]) -> Result<(), End> {
        let created_at = input.created_at;
        let (id, id_is_derived) = match input.id {
            Some(id) => (id, false),
            None => (self.derived_id(created_at, bytes)?, true),
        };
        let now = RecordTime::from_stored_micros(self.options.now.as_microsecond());
        let raw = self.kept(bytes);
        let origin = Origin { file: self.file, position, id_is_derived, input: raw };
        let chunk = &mut self.chunk;
        chunk.records.push(input.into_record(id, now));
        chunk.time_given.push(created_at.is_some());
        chunk.origins.push(origin);
        chunk.bytes += bytes.len();
        self.send_when_full()
    }

    /// An id from the line and the number of its occurrences so far, so that it depends neither on the name
    /// of the file nor on other lines.
    fn derived_id(&mut self, time: Option<RecordTime>, bytes: &[u8]) -> io::Result<RecordId> {
        let key = LineKey::new(&self.options.source, bytes, &mut self.scratch);
        self.same_files.add(key);
        Ok(key.id(time, self.occurrences.count(key)?))
    }

    fn reject(&mut self, position: Position, reason: Reason, bytes: &[u8]) -> Result<(), End> {
        self.record_count += 1;
        let reject = Reject { position, reason, input: self.kept(bytes) };
        let chunk = &mut self.chunk;
        chunk.bytes += bytes.len();
        chunk.rejects.push((self.file, reject));
        if self.options.strict {
            // A chunk is written as a whole or not at all, and this one has a reject.
            chunk.truncate(0);
            return Err(End::Stop);
        }
        self.send_when_full()
    }

    /// The raw bytes of a record, if the writer may need them.
    fn kept(&self, bytes: &[u8]) -> Vec<u8> {
        if self.options.keep_rejects { bytes.to_vec() } else { Vec::new() }
    }

    fn send_when_full(&mut self) -> Result<(), End> {
        let records = self.chunk.records.len();
        let bytes = self.chunk.bytes;
        let count = records + self.chunk.rejects.len();
        if count >= CHUNK_MAX_RECORDS || bytes >= CHUNK_MAX_BYTES { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), End> {
        let chunk = std::mem::take(&mut self.chunk);
        self.chunks.blocking_send(chunk).map_err(|_| End::Stop)
    }
}
