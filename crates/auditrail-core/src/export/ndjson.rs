//! A JSON object in each line, and the manifest.

use std::io;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::rewrite::Rewrite;
use crate::id::RecordId;
use crate::record::Record;
use crate::time::RecordTime;

/// The one key of a manifest line. No record has a field of this name.
pub const MANIFEST_KEY: &str = "auditrail_manifest";

#[derive(Debug)]
pub(super) struct Ndjson {
    rewrite: Rewrite,
    hash: Sha256,
    count: u64,
    first: Option<Mark>,
    last: Option<Mark>,
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
        let mark = Mark { created_at: record.created_at, id: record.id };
        self.count += 1;
        self.first.get_or_insert(mark);
        self.last = Some(mark);
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

/// What the last line says about the lines before it.
#[derive(Serialize)]
struct Manifest {
    /// Version of this form.
    version: u32,
    /// How many records there are.
    records: u64,
    /// The first record.
    first: Option<Mark>,
    /// The last record.
    last: Option<Mark>,
    /// SHA-256 of every byte before this line.
    sha256: String,
}

/// Names a record.
#[derive(Clone, Copy, Debug, Serialize)]
struct Mark {
    created_at: RecordTime,
    id: RecordId,
}
