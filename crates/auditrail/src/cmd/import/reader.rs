//! Reads files into chunks of records, on a thread of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use auditrail_core::{CreateInput, Record, RecordId, RecordTime, TenantId};
use jiff::Timestamp;
use tokio::sync::mpsc::Sender;

use super::documents::{Documents, is_document};
use super::input::Input;
use super::lines::Lines;
use super::raw_record::{Position, RawRecord};
use super::reject::{Reason, Reject};
use super::{cloudtrail, ndjson};
use crate::cli::ImportFormat;

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
    /// Stop at the first reject.
    pub(super) strict: bool,
    /// Keep the raw bytes of rejected records.
    pub(super) keep_rejects: bool,
    pub(super) now: Timestamp,
    /// Bytes read so far, before decompression.
    pub(super) read: Arc<AtomicU64>,
}

/// Records that are written in one transaction, with the rejects and file ends read along with them.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) records: Vec<Record>,
    /// For each record, whether the input has a time; otherwise the record has the time of this run.
    pub(super) time_given: Vec<bool>,
    /// For each record, the index of its file and its position there.
    pub(super) positions: Vec<(usize, Position)>,
    /// Rejected records, with the index of their file.
    pub(super) rejects: Vec<(usize, Reject)>,
    /// Files that were read to their end.
    pub(super) ended: Vec<FileEnd>,
    bytes: usize,
}

/// The end of a file.
pub(super) struct FileEnd {
    pub(super) file: usize,
    /// Number of records, valid and invalid.
    pub(super) records: u64,
    /// The read error, if the file could not be read completely.
    pub(super) error: Option<io::Error>,
}

/// Reading stops early: the writer is gone, or a record was rejected in strict mode.
struct Stop;

/// Reads all files and sends their records.
pub(super) fn read(options: &ReaderOptions, chunks: &Sender<Chunk>) {
    let mut reader = Reader {
        options,
        chunks,
        chunk: Chunk::default(),
        file: 0,
        file_name: Vec::new(),
        record_count: 0,
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
    /// The file name, which is part of derived ids.
    file_name: Vec<u8>,
    record_count: u64,
}

impl Reader<'_> {
    fn read_file(&mut self, file: usize, path: &Path) -> Result<(), Stop> {
        self.file = file;
        let name = path.file_name().unwrap_or(path.as_os_str());
        self.file_name = name.as_encoded_bytes().to_vec();
        self.record_count = 0;
        let error = match self.read_records(path) {
            Ok(outcome) => {
                outcome?;
                None
            }
            Err(error) => {
                self.discard_current_file();
                Some(error)
            }
        };
        let stop = self.options.strict && error.is_some();
        self.chunk.ended.push(FileEnd { file, records: self.record_count, error });
        if stop { Err(Stop) } else { Ok(()) }
    }

    /// Removes the records of the current file from the chunk. The checksum of a compressed file is at its
    /// end, so data shortly before an error is not trusted.
    fn discard_current_file(&mut self) {
        let chunk = &mut self.chunk;
        let file = self.file;
        let kept = chunk.positions.iter().take_while(|(index, _)| *index != file).count();
        chunk.records.truncate(kept);
        chunk.time_given.truncate(kept);
        chunk.positions.truncate(kept);
    }

    fn read_records(&mut self, path: &Path) -> io::Result<Result<(), Stop>> {
        let mut input = Input::open(path, Arc::clone(&self.options.read))?;
        let in_documents = self.options.format == ImportFormat::Cloudtrail
            && is_document(input.peek(LOOK_AHEAD_BYTES));
        if in_documents {
            let mut documents = Documents::new(input, 1);
            while let Some(raw) = documents.next()? {
                if self.raw_record(&raw).is_err() {
                    return Ok(Err(Stop));
                }
            }
            return Ok(Ok(()));
        }
        let mut lines = Lines::new(input);
        while let Some(raw) = lines.next()? {
            if self.line(&raw).is_err() {
                return Ok(Err(Stop));
            }
        }
        Ok(Ok(()))
    }

    /// Reads a line, which is a record or a CloudTrail document.
    fn line(&mut self, raw: &RawRecord<'_>) -> Result<(), Stop> {
        let Ok(bytes) = raw.body else {
            return self.raw_record(raw);
        };
        let may_be_document = self.options.format == ImportFormat::Cloudtrail
            && memchr::memmem::find(bytes, b"\"Records\"").is_some()
            && is_document(bytes);
        if !may_be_document {
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

    fn raw_record(&mut self, raw: &RawRecord<'_>) -> Result<(), Stop> {
        let position = raw.position;
        let bytes = match raw.body {
            Ok(bytes) => bytes,
            Err(flaw) => return self.reject(position, flaw.into(), b""),
        };
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

    fn accept(&mut self, input: CreateInput, position: Position, bytes: &[u8]) -> Result<(), Stop> {
        let created_at = input.created_at;
        let id = match input.id {
            Some(id) => id,
            None => self.derived_id(created_at, position, bytes),
        };
        let now = RecordTime::from_stored_micros(self.options.now.as_microsecond());
        let chunk = &mut self.chunk;
        chunk.records.push(input.into_record(id, now));
        chunk.time_given.push(created_at.is_some());
        chunk.positions.push((self.file, position));
        chunk.bytes += bytes.len();
        self.send_when_full()
    }

    /// A deterministic id, so that a second import of the file finds the records of the first.
    fn derived_id(&self, time: Option<RecordTime>, position: Position, bytes: &[u8]) -> RecordId {
        let line = position.line.to_string();
        let nth = position.nth.to_string();
        let mut parts = vec![&self.file_name[..], line.as_bytes(), bytes];
        if position.nth > 0 {
            parts.push(nth.as_bytes());
        }
        RecordId::derived(time.map(RecordTime::timestamp), &parts)
    }

    fn reject(&mut self, position: Position, reason: Reason, bytes: &[u8]) -> Result<(), Stop> {
        self.record_count += 1;
        let input = if self.options.keep_rejects { bytes.to_vec() } else { Vec::new() };
        let reject = Reject { position, reason, input };
        let chunk = &mut self.chunk;
        chunk.bytes += bytes.len();
        chunk.rejects.push((self.file, reject));
        if self.options.strict {
            // A chunk is written as a whole or not at all, and this one has a reject.
            chunk.records.clear();
            chunk.time_given.clear();
            chunk.positions.clear();
            return Err(Stop);
        }
        self.send_when_full()
    }

    fn send_when_full(&mut self) -> Result<(), Stop> {
        let records = self.chunk.records.len();
        let bytes = self.chunk.bytes;
        let count = records + self.chunk.rejects.len();
        if count >= CHUNK_MAX_RECORDS || bytes >= CHUNK_MAX_BYTES { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), Stop> {
        let chunk = std::mem::take(&mut self.chunk);
        self.chunks.blocking_send(chunk).map_err(|_| Stop)
    }
}
