//! Packs of made-up records, file by file.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::LazyLock;

use auditrail_core::RecordTime;
use auditrail_evidence::pack::{
    PackError, PackHashes, PackLine, PackRange, PackWriter, VerifiedPack, names, readme, verify,
};
use auditrail_evidence::{Disclosure, Entry, FIELDS, FieldName, LogEntry, RecordKey, fields_root};
use tlog::{Algorithm, Checkpoint, Hash, Policy, SigningKey};
use uuid::Uuid;

pub(super) const ORIGIN: &str = "log.example/audit";

/// The files of a pack.
#[derive(Clone)]
pub(super) struct Files(pub(super) BTreeMap<&'static str, Vec<u8>>);

/// What a pack is made of.
#[derive(Clone, Copy)]
pub(super) struct Options<'a> {
    /// The records in the log.
    pub(super) size: u64,
    pub(super) from: u64,
    pub(super) to: u64,
    /// Of the records in the range, each whose seq is a multiple of this; 1 for a complete pack.
    pub(super) every: u64,
    pub(super) left: &'a [u64],
    pub(super) withheld: &'a [&'a str],
}

pub(super) const COMPLETE: Options<'_> =
    Options { size: 300, from: 250, to: 255, every: 1, left: &[], withheld: &[] };
pub(super) const FILTERED: Options<'_> =
    Options { size: 300, from: 20, to: 280, every: 50, left: &[], withheld: &[] };

pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN.parse().unwrap(), Algorithm::Ed25519, &[seed; 32])
}

pub(super) fn policy() -> String {
    format!("log {}\nquorum none\n", key(1).verifier())
}

/// The fields of a record: a value for all of them.
pub(super) fn value(seq: u64, field: FieldName) -> Option<String> {
    match field.as_str() {
        "metadata" => Some(format!(r#"{{"n": 9007199254740993.10, "ü\n": {seq}}}"#)),
        "actor_name" => None,
        name => Some(format!("{name} {}", seq % 7)),
    }
}

pub(super) fn record_key(seq: u64) -> RecordKey {
    let mut key = [9; 32];
    key[..8].copy_from_slice(&seq.to_be_bytes());
    RecordKey::new(key)
}

fn id(seq: u64) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(seq))
}

fn created_at(seq: u64) -> RecordTime {
    RecordTime::from_unix_micros(1_800_000_000_000_000 + i64::try_from(seq).unwrap()).unwrap()
}

/// Entries are slow to make without optimization.
static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| (0..700).map(made).collect());

fn entry(seq: u64) -> Entry {
    ENTRIES[usize::try_from(seq).unwrap()]
}

fn made(seq: u64) -> Entry {
    let values = FIELDS.map(|field| value(seq, field));
    let values = values.each_ref().map(Option::as_deref);
    let fields_root = fields_root(&record_key(seq).commitments(&values));
    Entry { id: id(seq), created_at: created_at(seq), fields_root }
}

fn line(seq: u64, options: &Options<'_>) -> PackLine {
    if options.left.contains(&seq) {
        return PackLine::Left { seq, entry: LogEntry::Record(entry(seq)) };
    }
    let fields = FIELDS.map(|field| {
        let (value, salt) = (value(seq, field), record_key(seq).salt(field));
        let shown = Disclosure::Shown { value, salt };
        if options.withheld.contains(&field.as_str()) {
            Disclosure::Withheld(shown.commitment(field))
        } else {
            shown
        }
    });
    PackLine::Record { seq, id: id(seq), created_at: created_at(seq), fields: Box::new(fields) }
}

impl Files {
    pub(super) fn new(options: Options<'_>) -> Self {
        let Options { size, from, to, every, .. } = options;
        let filters = match every {
            1 => Vec::new(),
            _ => vec![("action".to_owned(), Some("action 1".to_owned()))],
        };
        let mut range = PackRange { from_seq: from, to_seq: to, filters, records: 0, left: 0 };
        let (mut tree, mut hashes, mut records) = (PackHashes::new(), Vec::new(), Vec::new());
        let mut write = |hash: Hash| hashes.extend(hash.0);
        for seq in 0..size {
            if (from..=to).contains(&seq) && seq.is_multiple_of(every) {
                let line = line(seq, &options);
                line.write(&mut records);
                assert_eq!(line.leaf_hash(), entry(seq).leaf_hash());
                tree.shown(line.leaf_hash(), &mut write);
                range.records += u64::from(!options.left.contains(&seq));
                range.left += u64::from(options.left.contains(&seq));
            } else {
                tree.hidden(entry(seq).leaf_hash());
            }
        }
        let checkpoint = Checkpoint::new(ORIGIN, size, tree.finish(&mut write)).unwrap();
        let mut note = checkpoint.to_note().unwrap();
        note.sign(&key(1), 0);
        Self(BTreeMap::from([
            (names::POLICY, policy().into_bytes()),
            (names::CHECKPOINT, note.to_string().into_bytes()),
            (names::RECORDS, records),
            (names::HASHES, hashes),
            (names::RANGE, range.to_json().into_bytes()),
            (names::README, readme(&checkpoint, &range).into_bytes()),
        ]))
    }

    pub(super) fn text(&self, name: &'static str) -> String {
        String::from_utf8(self.0[name].clone()).unwrap()
    }

    pub(super) fn set(&mut self, name: &'static str, bytes: impl Into<Vec<u8>>) {
        self.0.insert(name, bytes.into());
    }

    /// Replaces a text, which must be there.
    pub(super) fn replace(&mut self, name: &'static str, from: &str, to: &str) {
        let text = self.text(name);
        assert!(text.contains(from), "no {from} in {text}");
        self.set(name, text.replacen(from, to, 1));
    }

    /// The lines of the records, to be changed.
    pub(super) fn edit_lines(&mut self, edit: impl FnOnce(&mut Vec<String>)) {
        let mut lines: Vec<String> = self.text(names::RECORDS).lines().map(str::to_owned).collect();
        edit(&mut lines);
        self.set(names::RECORDS, lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    }

    pub(super) fn zip(&self) -> Vec<u8> {
        let mut pack = PackWriter::new(Cursor::new(Vec::new()));
        for name in names::ALL {
            if let Some(bytes) = self.0.get(name) {
                pack = pack.file(name, bytes).unwrap();
            }
        }
        pack.finish().unwrap().into_inner()
    }

    pub(super) fn verify(&self) -> Result<VerifiedPack, PackError> {
        verified(&self.zip())
    }
}

/// Verifies a pack; its result does not depend on the threads.
pub(super) fn verified(zip: &[u8]) -> Result<VerifiedPack, PackError> {
    let policy = Policy::parse(policy().as_bytes()).unwrap();
    let one = verify(zip, &policy, 1, &mut |_| {});
    let many = verify(zip, &policy, 3, &mut |_| {});
    match (&one, &many) {
        (Ok(one), Ok(many)) => assert_eq!(one, many),
        (Err(one), Err(many)) => assert_eq!(one.to_string(), many.to_string()),
        _ => panic!("{one:?}, but with threads {many:?}"),
    }
    one
}
