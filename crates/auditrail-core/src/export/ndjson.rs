//! NDJSON with a manifest.

use std::io;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::rewrite::Rewrite;
use crate::id::RecordId;
use crate::record::Record;
use crate::time::RecordTime;

/// The only key of the manifest line. No record has a field of this name.
pub const MANIFEST_KEY: &str = "auditrail_manifest";

#[derive(Debug)]
pub(super) struct Ndjson {
    rewrite: Rewrite,
    hash: Sha256,
    count: u64,
    first: Option<Position>,
    last: Option<Position>,
}

impl Ndjson {
    pub(super) fn new(rewrite: Rewrite) -> Self {
        Self { rewrite, hash: Sha256::new(), count: 0, first: None, last: None }
    }

    pub(super) fn record(&mut self, record: &Record, out: &mut Vec<u8>) -> io::Result<()> {
        let text = serde_json::to_string(record)?;
        let start = out.len();
        out.extend_from_slice((self.rewrite)(&text).as_bytes());
        out.push(b'\n');
        self.hash.update(&out[start..]);
        let position = Position { created_at: record.created_at, id: record.id };
        self.count += 1;
        self.first.get_or_insert(position);
        self.last = Some(position);
        Ok(())
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) -> io::Result<()> {
        let Self { rewrite: _, hash, count, first, last } = self;
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let manifest = Manifest { version: 1, records: count, first, last, sha256 };
        let line = serde_json::json!({MANIFEST_KEY: manifest});
        serde_json::to_writer(&mut *out, &line)?;
        out.push(b'\n');
        Ok(())
    }
}

/// The content of the last line.
#[derive(Serialize)]
struct Manifest {
    /// Version of this format.
    version: u32,
    /// How many records there are.
    records: u64,
    /// The first record.
    first: Option<Position>,
    /// The last record.
    last: Option<Position>,
    /// SHA-256 of every byte before this line.
    sha256: String,
}

/// Identifies a record.
#[derive(Clone, Copy, Debug, Serialize)]
struct Position {
    created_at: RecordTime,
    id: RecordId,
}
