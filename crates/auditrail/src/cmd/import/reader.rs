//! Reads files into chunks of records, on a thread of its own, while the last chunk is written.

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
use super::piece::{Piece, Place};
use super::reject::{Reason, Reject};
use super::{cloudtrail, ndjson};
use crate::cli::ImportFormat;

/// Most records in a chunk: enough to make the cost of a transaction small, few enough that three of
/// them fit into memory many times.
const CHUNK_MAX_RECORDS: usize = 5_000;
/// Most bytes of input in a chunk, for records that are large.
const CHUNK_MAX_BYTES: usize = 4 * 1_024 * 1_024;
/// Bytes looked at to tell documents from lines; a record is rarely as long.
const LOOK_AHEAD_BYTES: usize = 64 * 1_024;

/// What to read, and how.
pub(super) struct Plan {
    pub(super) files: Vec<PathBuf>,
    pub(super) format: ImportFormat,
    pub(super) tenant: Option<TenantId>,
    /// Stop at the first reject.
    pub(super) strict: bool,
    /// Somebody wants the bytes of rejects.
    pub(super) keep_rejects: bool,
    pub(super) now: Timestamp,
    /// Bytes read so far, as they are on disk.
    pub(super) read: Arc<AtomicU64>,
}

/// Records that are written together, and what was found on the way to them.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) records: Vec<Record>,
    /// For each record, whether its time was given; otherwise it is that of this run.
    pub(super) time_given: Vec<bool>,
    /// For each record, its file and place in it.
    pub(super) origins: Vec<(usize, Place)>,
    /// What could not become a record, by file.
    pub(super) rejects: Vec<(usize, Reject)>,
    /// Files that ended.
    pub(super) ended: Vec<Ended>,
    bytes: usize,
}

/// The end of a file.
pub(super) struct Ended {
    pub(super) file: usize,
    /// Pieces of input it had, good and bad.
    pub(super) pieces: u64,
    /// Why it could not be read to its end.
    pub(super) fault: Option<io::Error>,
}

/// The reading stopped: nobody wants more, or a strict reader found a reject.
struct Stop;

/// Reads all files and sends their records.
pub(super) fn read(plan: &Plan, chunks: &Sender<Chunk>) {
    let mut reader =
        Reader { plan, chunks, chunk: Chunk::default(), file: 0, file_name: Vec::new(), pieces: 0 };
    for (file, path) in plan.files.iter().enumerate() {
        if reader.file(file, path).is_err() {
            break;
        }
    }
    // When nobody receives any more, they have told why.
    drop(reader.send());
}

struct Reader<'a> {
    plan: &'a Plan,
    chunks: &'a Sender<Chunk>,
    chunk: Chunk,
    file: usize,
    /// The part of the path that goes into derived ids.
    file_name: Vec<u8>,
    pieces: u64,
}

impl Reader<'_> {
    fn file(&mut self, file: usize, path: &Path) -> Result<(), Stop> {
        self.file = file;
        let name = path.file_name().unwrap_or(path.as_os_str());
        self.file_name = name.as_encoded_bytes().to_vec();
        self.pieces = 0;
        let fault = match self.pieces(path) {
            Ok(outcome) => {
                outcome?;
                None
            }
            Err(error) => {
                self.drop_unfinished();
                Some(error)
            }
        };
        let stop = self.plan.strict && fault.is_some();
        self.chunk.ended.push(Ended { file, pieces: self.pieces, fault });
        if stop { Err(Stop) } else { Ok(()) }
    }

    /// Takes back what the chunk has of this file: in a compressed file only its end tells whether
    /// the bytes were right, so what stands close before a fault is not trusted.
    fn drop_unfinished(&mut self) {
        let (chunk, file) = (&mut self.chunk, self.file);
        let kept = chunk.origins.iter().take_while(|(of, _)| *of != file).count();
        chunk.records.truncate(kept);
        chunk.time_given.truncate(kept);
        chunk.origins.truncate(kept);
    }

    fn pieces(&mut self, path: &Path) -> io::Result<Result<(), Stop>> {
        let mut input = Input::open(path, Arc::clone(&self.plan.read))?;
        let in_documents = self.plan.format == ImportFormat::Cloudtrail
            && is_document(input.peek(LOOK_AHEAD_BYTES));
        if in_documents {
            let mut documents = Documents::new(input, 1);
            while let Some(piece) = documents.next()? {
                if self.piece(&piece).is_err() {
                    return Ok(Err(Stop));
                }
            }
            return Ok(Ok(()));
        }
        let mut lines = Lines::new(input);
        while let Some(piece) = lines.next()? {
            if self.line(&piece).is_err() {
                return Ok(Err(Stop));
            }
        }
        Ok(Ok(()))
    }

    /// A line is a record, or one of CloudTrail's documents among lines.
    fn line(&mut self, piece: &Piece<'_>) -> Result<(), Stop> {
        let Ok(bytes) = piece.body else {
            return self.piece(piece);
        };
        let may_be_document = self.plan.format == ImportFormat::Cloudtrail
            && memchr::memmem::find(bytes, b"\"Records\"").is_some()
            && is_document(bytes);
        if !may_be_document {
            return self.piece(piece);
        }
        let mut documents = Documents::new(bytes, piece.place.line);
        loop {
            match documents.next() {
                Ok(Some(piece)) => self.piece(&piece)?,
                Ok(None) => return Ok(()),
                Err(error) => {
                    let reason = Reason::new("not_json", format!("not JSON: {error}"));
                    return self.reject(piece.place, reason, bytes);
                }
            }
        }
    }

    fn piece(&mut self, piece: &Piece<'_>) -> Result<(), Stop> {
        let place = piece.place;
        let bytes = match piece.body {
            Ok(bytes) => bytes,
            Err(flaw) => return self.reject(place, flaw.into(), b""),
        };
        match self.parse(bytes) {
            Ok(Some(input)) => {
                self.pieces += 1;
                self.accept(input, place, bytes)
            }
            Ok(None) => Ok(()),
            Err(reason) => self.reject(place, reason, bytes),
        }
    }

    fn parse(&self, bytes: &[u8]) -> Result<Option<CreateInput>, Reason> {
        let plan = self.plan;
        let input = match plan.format {
            ImportFormat::Ndjson => ndjson::parse(bytes, plan.now)?,
            ImportFormat::Cloudtrail => Some(cloudtrail::parse(bytes, plan.now)?),
        };
        input.map(|input| self.of_tenant(input)).transpose()
    }

    fn of_tenant(&self, input: CreateInput) -> Result<CreateInput, Reason> {
        match (&self.plan.tenant, &input.tenant_id) {
            (Some(asked), Some(named)) if asked != named => {
                let text = "tenant_id: does not match --tenant";
                Err(Reason::new("other_tenant", text))
            }
            (Some(asked), _) => Ok(input.with_tenant(asked.clone())),
            (None, _) => Ok(input),
        }
    }

    fn accept(&mut self, input: CreateInput, place: Place, bytes: &[u8]) -> Result<(), Stop> {
        let given = input.created_at;
        let id = match input.id {
            Some(id) => id,
            None => self.derived_id(given, place, bytes),
        };
        let now = RecordTime::from_stored_micros(self.plan.now.as_microsecond());
        let chunk = &mut self.chunk;
        chunk.records.push(input.into_record(id, now));
        chunk.time_given.push(given.is_some());
        chunk.origins.push((self.file, place));
        chunk.bytes += bytes.len();
        self.send_when_full()
    }

    /// The same file gives the same id, so that a second run finds the record of the first.
    fn derived_id(&self, time: Option<RecordTime>, place: Place, bytes: &[u8]) -> RecordId {
        let (line, nth) = (place.line.to_string(), place.nth.to_string());
        let mut parts = vec![&self.file_name[..], line.as_bytes(), bytes];
        if place.nth > 0 {
            parts.push(nth.as_bytes());
        }
        RecordId::derived(time.map(RecordTime::timestamp), &parts)
    }

    fn reject(&mut self, place: Place, reason: Reason, bytes: &[u8]) -> Result<(), Stop> {
        self.pieces += 1;
        let input = if self.plan.keep_rejects { bytes.to_vec() } else { Vec::new() };
        let reject = Reject { place, reason, input };
        let chunk = &mut self.chunk;
        chunk.bytes += bytes.len();
        chunk.rejects.push((self.file, reject));
        if self.plan.strict {
            // The chunk is whole or not there; this one cannot be whole.
            chunk.records.clear();
            chunk.time_given.clear();
            chunk.origins.clear();
            return Err(Stop);
        }
        self.send_when_full()
    }

    fn send_when_full(&mut self) -> Result<(), Stop> {
        let (records, bytes) = (self.chunk.records.len(), self.chunk.bytes);
        let pieces = records + self.chunk.rejects.len();
        if pieces >= CHUNK_MAX_RECORDS || bytes >= CHUNK_MAX_BYTES { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), Stop> {
        let chunk = std::mem::take(&mut self.chunk);
        self.chunks.blocking_send(chunk).map_err(|_| Stop)
    }
}
