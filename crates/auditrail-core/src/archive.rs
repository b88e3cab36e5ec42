//! The form of an archive: records that left the log, as lines of JSON, and a manifest.
//!
//! An archive is two files, `NAME.ndjson.zst` and `NAME.manifest.json`. A line has every column of its row with its
//! exact value: `metadata` is the text of the jsonb (absent for NULL), `created_at` has microseconds, `xact_id` is
//! a string. The manifest is written last, so an archive without one is incomplete. Archives come from other hands:
//! everything here rejects what does not have this form, and bounds what is read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limits::ARCHIVE_MANIFEST_MAX_BYTES;
use crate::time::RecordTime;

/// The value of `format` in the manifest.
const FORMAT: &str = "auditrail/archive/v1";
/// The ending of the file of lines.
const LINES_ENDING: &str = ".ndjson.zst";
/// The ending of the manifest.
const MANIFEST_ENDING: &str = ".manifest.json";
/// Digits of the number in a name.
const NUMBER_DIGITS: usize = 5;

/// Why a manifest or a line is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidArchive(String);

fn invalid(detail: impl Into<String>) -> InvalidArchive {
    InvalidArchive(detail.into())
}

/// The name of an archive: the id of the run of retention that wrote it, and its number in the run. Names are in
/// the order in which archives were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchiveName {
    run_id: Uuid,
    number: u32,
}

impl ArchiveName {
    /// A name from its parts.
    #[must_use]
    pub const fn new(run_id: Uuid, number: u32) -> Self {
        Self { run_id, number }
    }

    /// The id of the run.
    #[must_use]
    pub const fn run_id(&self) -> &Uuid {
        &self.run_id
    }

    /// The name of the file of lines.
    #[must_use]
    pub fn lines_file(&self) -> String {
        format!("{self}{LINES_ENDING}")
    }

    /// The name of the manifest.
    #[must_use]
    pub fn manifest_file(&self) -> String {
        format!("{self}{MANIFEST_ENDING}")
    }

    /// The archive of a manifest with this file name; `None` for any other name.
    #[must_use]
    pub fn of_manifest_file(file_name: &str) -> Option<Self> {
        file_name.strip_suffix(MANIFEST_ENDING)?.parse().ok()
    }
}

impl fmt::Display for ArchiveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:0NUMBER_DIGITS$}", self.run_id, self.number)
    }
}

impl FromStr for ArchiveName {
    type Err = InvalidArchive;

    /// Accepts only what [`Display`](fmt::Display) prints, so a name is never a path.
    fn from_str(text: &str) -> Result<Self, InvalidArchive> {
        let parsed = text.rsplit_once('-').and_then(|(run_id, number)| {
            Some(Self { run_id: run_id.parse().ok()?, number: number.parse().ok()? })
        });
        parsed.filter(|name| name.to_string() == text).ok_or_else(|| {
            invalid("the name of an archive is a UUID and a number, as in its manifest")
        })
    }
}

/// What an archive holds. In the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveManifest {
    format: String,
    /// The run of retention that wrote the archive.
    pub run_id: Uuid,
    /// The number of the archive in its run.
    pub number: u32,
    /// The version of the program.
    pub tool_version: String,
    /// The newest migration of the log.
    pub schema_version: i64,
    /// The table that had the records.
    pub partition: String,
    /// The bounds of its ids in SQL; absent for a table that is no partition.
    pub bounds: Option<String>,
    /// Records, and so lines.
    pub records: u64,
    /// The lowest `created_at`.
    pub oldest: RecordTime,
    /// The highest `created_at`.
    pub newest: RecordTime,
    /// The lowest id.
    pub lowest_id: Uuid,
    /// The highest id.
    pub highest_id: Uuid,
    /// The lowest transaction id.
    pub lowest_xact_id: u64,
    /// The highest transaction id.
    pub highest_xact_id: u64,
    /// Bounds of the positions of the records in the log's order; absent if the log had no such order.
    pub seq: Option<SeqBounds>,
    /// Bytes of the lines, with their line feeds.
    pub lines_bytes: u64,
    /// Bytes of the longest line, with its line feed.
    pub longest_line_bytes: u64,
    /// SHA-256 of the lines, in hexadecimal.
    pub lines_sha256: String,
    /// Bytes of the compressed file.
    pub file_bytes: u64,
    /// SHA-256 of the compressed file, in hexadecimal.
    pub file_sha256: String,
}

/// Bounds of positions, both inclusive. Other records may lie between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeqBounds {
    /// No record of the archive has a lower position.
    pub lowest: u64,
    /// No record of the archive has a higher position.
    pub highest: u64,
}

impl ArchiveManifest {
    /// The format of new archives.
    #[must_use]
    pub fn current_format() -> String {
        FORMAT.to_owned()
    }

    /// An empty archive of this name, to be filled in.
    #[must_use]
    pub fn empty(name: ArchiveName, tool_version: &str, partition: &str) -> Self {
        let none = Uuid::nil();
        let time = RecordTime::from_stored_micros(0);
        Self {
            format: Self::current_format(),
            run_id: name.run_id,
            number: name.number,
            tool_version: tool_version.to_owned(),
            schema_version: 0,
            partition: partition.to_owned(),
            bounds: None,
            records: 0,
            oldest: time,
            newest: time,
            lowest_id: none,
            highest_id: none,
            lowest_xact_id: 0,
            highest_xact_id: 0,
            seq: None,
            lines_bytes: 0,
            longest_line_bytes: 0,
            lines_sha256: String::new(),
            file_bytes: 0,
            file_sha256: String::new(),
        }
    }

    /// The name of the archive.
    #[must_use]
    pub const fn name(&self) -> ArchiveName {
        ArchiveName::new(self.run_id, self.number)
    }

    /// Parses an untrusted manifest.
    ///
    /// # Errors
    /// When it is too large, no JSON of this form, of another format, or contradicts itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidArchive> {
        if bytes.len() > ARCHIVE_MANIFEST_MAX_BYTES {
            return Err(invalid(format!("it has more than {ARCHIVE_MANIFEST_MAX_BYTES} bytes")));
        }
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(invalid(
                "its format is unknown; a newer version of the program may read it",
            ));
        }
        let is_ordered = manifest.oldest <= manifest.newest
            && manifest.lowest_id <= manifest.highest_id
            && manifest.lowest_xact_id <= manifest.highest_xact_id
            && manifest.seq.is_none_or(|seq| seq.lowest <= seq.highest);
        let has_sizes = manifest.records > 0
            && manifest.longest_line_bytes <= manifest.lines_bytes
            && manifest.records <= manifest.lines_bytes;
        let is_digest = |text: &str| {
            text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if !is_ordered || !has_sizes {
            return Err(invalid("its ranges or sizes contradict each other"));
        }
        if !is_digest(&manifest.lines_sha256) || !is_digest(&manifest.file_sha256) {
            return Err(invalid("a digest is not SHA-256 in lower-case hexadecimal"));
        }
        Ok(manifest)
    }

    /// The content of the manifest file.
    ///
    /// # Errors
    /// None in practice: every field can be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, InvalidArchive> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| invalid(error.to_string()));
        json.map(|mut json| {
            json.push(b'\n');
            json
        })
    }

    /// Widens the ranges by a line that was added to the archive.
    pub fn include(&mut self, line: &ArchivedLine, bytes: u64) {
        let is_first = self.records == 0;
        let ArchivedLine { id, created_at, xact_id } = *line;
        self.records += 1;
        self.lines_bytes += bytes;
        self.longest_line_bytes = self.longest_line_bytes.max(bytes);
        if is_first || created_at < self.oldest {
            self.oldest = created_at;
        }
        if is_first || created_at > self.newest {
            self.newest = created_at;
        }
        if is_first || id < self.lowest_id {
            self.lowest_id = id;
        }
        if is_first || id > self.highest_id {
            self.highest_id = id;
        }
        if is_first || xact_id < self.lowest_xact_id {
            self.lowest_xact_id = xact_id;
        }
        self.highest_xact_id = self.highest_xact_id.max(xact_id);
    }
}

/// What identifies the record of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchivedLine {
    /// Its id.
    pub id: Uuid,
    /// Its time.
    pub created_at: RecordTime,
    /// The transaction that wrote it.
    pub xact_id: u64,
}

impl ArchivedLine {
    /// Parses an untrusted line, without its line feed. Other columns are not looked at: their bytes are covered
    /// by the digest, and the database checks them when they are restored.
    ///
    /// # Errors
    /// When it is not a JSON object with these columns.
    pub fn parse(line: &[u8]) -> Result<Self, InvalidArchive> {
        #[derive(Deserialize)]
        struct Columns<'a> {
            id: Uuid,
            created_at: RecordTime,
            #[serde(borrow)]
            xact_id: &'a str,
        }
        let Columns { id, created_at, xact_id } =
            serde_json::from_slice(line).map_err(|error| invalid(error.to_string()))?;
        let xact_id = xact_id.parse().map_err(|_| invalid("its xact_id is not a number"))?;
        Ok(Self { id, created_at, xact_id })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","created_at":"2026-01-02T03:04:05.000006Z","xact_id":"731"}"#;

    fn manifest() -> ArchiveManifest {
        let name = ArchiveName::new(Uuid::from_u128(7), 1);
        let mut manifest = ArchiveManifest::empty(name, "0.1.0", "audit_logs");
        manifest.include(&ArchivedLine::parse(LINE.as_bytes()).unwrap(), 104);
        manifest.lines_sha256 = "0a".repeat(32);
        manifest.file_sha256 = "b1".repeat(32);
        manifest
    }

    #[test]
    fn manifest_round_trips() {
        let json = manifest().to_json().unwrap();
        assert_eq!(ArchiveManifest::parse(&json), Ok(manifest()));
        assert!(json.len() < ARCHIVE_MANIFEST_MAX_BYTES);
    }

    #[test]
    fn contradictory_manifests_are_rejected() {
        type Change = fn(&mut ArchiveManifest);
        let changes: [Change; 8] = [
            |manifest| manifest.format = "auditrail/archive/v2".to_owned(),
            |manifest| manifest.records = 0,
            |manifest| manifest.records = 105,
            |manifest| manifest.longest_line_bytes = 105,
            |manifest| manifest.lowest_id = Uuid::max(),
            |manifest| manifest.seq = Some(SeqBounds { lowest: 2, highest: 1 }),
            |manifest| manifest.lines_sha256.replace_range(..1, "G"),
            |manifest| manifest.file_sha256.truncate(63),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = manifest();
            change(&mut changed);
            assert!(ArchiveManifest::parse(&changed.to_json().unwrap()).is_err(), "{number}");
        }
        let large = vec![b' '; ARCHIVE_MANIFEST_MAX_BYTES + 1];
        assert!(ArchiveManifest::parse(&large).is_err());
    }

    #[test]
    fn names_are_never_paths() {
        let name = ArchiveName::new(Uuid::from_u128(7), 12);
        assert_eq!(name.to_string().parse(), Ok(name));
        assert_eq!(ArchiveName::of_manifest_file(&name.manifest_file()), Some(name));
        for text in [
            "",
            "../00000000-0000-0000-0000-000000000007-00012",
            "00000000-0000-0000-0000-000000000007-12",
            "00000000-0000-0000-0000-000000000007-+0012",
            "{00000000-0000-0000-0000-000000000007}-00012",
            "00000000-0000-0000-0000-000000000007-00012/x",
        ] {
            assert!(text.parse::<ArchiveName>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            drop(ArchiveManifest::parse(&bytes));
            drop(ArchivedLine::parse(&bytes));
        }

        #[test]
        fn no_name_has_a_separator(text: String) {
            if let Ok(name) = text.parse::<ArchiveName>() {
                prop_assert!(!name.lines_file().contains(['/', '\\', '\0']));
            }
        }
    }
}
