//! `docs/evidence-vectors.json`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use auditrail_evidence::{Entry, FIELDS, FieldName, RecordKey, RecordProof, fields_root};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tlog::Policy;

#[derive(Deserialize)]
pub(crate) struct Vectors {
    pub(crate) records: Vec<Record>,
    pub(crate) proofs: Vec<Proof>,
}

#[derive(Deserialize)]
pub(crate) struct Record {
    name: String,
    record_key: String,
    id: String,
    created_at: String,
    values: BTreeMap<String, Option<String>>,
    salts: BTreeMap<String, String>,
    commitments: BTreeMap<String, String>,
    entry: String,
    leaf_hash: String,
}

#[derive(Deserialize)]
pub(crate) struct Proof {
    pub(crate) name: String,
    pub(crate) policy: String,
    pub(crate) document: String,
    pub(crate) valid: bool,
}

impl Proof {
    /// Why it is not valid.
    pub(crate) fn verify(&self) -> Result<auditrail_evidence::VerifiedRecord, String> {
        let policy = Policy::parse(self.policy.as_bytes()).map_err(|error| error.to_string())?;
        let proof = RecordProof::parse(self.document.as_bytes());
        let proof = proof.map_err(|error| error.to_string())?;
        proof.verify(&policy).map_err(|error| error.to_string())
    }
}

macro_rules! names {
    ($($position:literal $name:ident $sql_type:ident $presence:ident $description:literal;)+ after $($after:literal)+) => {
        [$(stringify!($name)),+]
    };
}

const COLUMNS: [&str; 16] = auditrail_core::record_columns!(names);

fn docs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

pub(crate) fn vectors() -> Vectors {
    let text = std::fs::read_to_string(docs().join("evidence-vectors.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn bytes<const N: usize>(base64: &str) -> [u8; N] {
    STANDARD.decode(base64).unwrap().try_into().unwrap()
}

#[test]
fn every_column_but_id_and_time_is_committed_to() {
    let mut fields: Vec<&str> = FIELDS.iter().map(|field| field.as_str()).collect();
    fields.extend(["id", "created_at"]);
    fields.sort_unstable();
    let mut columns = COLUMNS.to_vec();
    columns.sort_unstable();
    assert_eq!(fields, columns, "a new column needs a new version of the entry");
}

#[test]
fn entries_are_those_of_the_vectors() {
    let records = vectors().records;
    assert_eq!(records.len(), 8);
    for record in records {
        let key = RecordKey::new(bytes(&record.record_key));
        let values = FIELDS.map(|field| record.values[field.as_str()].as_deref());
        let commitments = key.commitments(&values);
        for (field, commitment) in FIELDS.into_iter().zip(&commitments) {
            let name = field.as_str();
            assert_eq!(key.salt(field).0, bytes(&record.salts[name]), "{}: {name}", record.name);
            assert_eq!(commitment.0, bytes(&record.commitments[name]), "{}: {name}", record.name);
        }
        let entry = Entry {
            id: record.id.parse().unwrap(),
            created_at: record.created_at.parse().unwrap(),
            fields_root: fields_root(&commitments),
        };
        let hex: String = entry.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, record.entry, "{}", record.name);
        assert_eq!(entry.leaf_hash().to_string(), record.leaf_hash, "{}", record.name);
    }
}

#[test]
fn proofs_are_judged_as_in_the_vectors() {
    for proof in vectors().proofs {
        let outcome = proof.verify();
        assert_eq!(outcome.is_ok(), proof.valid, "{}: {outcome:?}", proof.name);
    }
}

#[test]
fn proof_is_written_as_it_was_read() {
    for proof in vectors().proofs.iter().filter(|proof| proof.valid) {
        let read = RecordProof::parse(proof.document.as_bytes()).unwrap();
        assert_eq!(RecordProof::parse(read.to_json().as_bytes()).unwrap(), read);
    }
}

#[test]
fn each_refusal_is_a_sentence_about_its_cause() {
    let proofs = vectors().proofs;
    let error = |name: &str| {
        let proof = proofs.iter().find(|proof| proof.name == name);
        proof.unwrap_or_else(|| panic!("no vector `{name}`")).verify().unwrap_err()
    };
    for (name, part) in [
        ("value changed", "its fields, its time, its id or the proof were changed"),
        ("inclusion proof too short", "the proof has 6 hashes, but one of index 300"),
        ("index beyond the tree", "index 308 is not in a tree of size 308"),
        ("too few cosignatures", "cosignatures by 1 of 3 witnesses do not reach the quorum two"),
        (
            "root changed after signing",
            "the signature by log.example/audit is not one of this text",
        ),
        ("no signature of the log", "there is no signature by log.example/audit"),
        ("checkpoint of another log", "the policy has no log with the origin log.example/other"),
        ("another version of the document", r#"of version "auditrail/proof/v2""#),
        ("field missing", "the field `outcome` is missing"),
        ("field of another name", "unknown field `actor`"),
        ("field twice", "the field `actor_id` occurs twice"),
        ("value twice", "duplicate field `value`"),
        ("member twice", "duplicate field `id`"),
        (
            "value without salt",
            "`outcome` has either `value` and `salt`, or `withheld`, or `erased`",
        ),
        ("salt too short", "32 bytes are 44 characters of Base64"),
        ("time with an offset", "`created_at` is not in its only form"),
        ("id in another form", "`id` is not in its only form"),
        ("no checkpoint", "`tlog_proof` is not valid"),
        ("policy without a quorum", "line 2 of the policy: there is no quorum"),
        ("policy with a key for which anybody can sign", "is one for which anybody can sign"),
    ] {
        let error = error(name);
        assert!(error.contains(part), "{name}: {error}");
    }
}

#[test]
fn names_of_fields_are_read_as_they_are_printed() {
    for (index, field) in FIELDS.into_iter().enumerate() {
        assert_eq!((field.as_str().parse(), field.index()), (Ok(field), index));
    }
    assert_eq!("id".parse::<FieldName>(), Err(()));
}

/// The script that is printed in the guide judges alike, from files. Skipped without Python.
#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn python_script_judges_alike() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3");
        return;
    }
    let script = docs().join("auditrail_verify.py");
    assert!(std::fs::read_to_string(&script).unwrap().lines().count() <= 200);
    let directory = tempfile::tempdir().unwrap();
    let (policy, document) = (directory.path().join("policy"), directory.path().join("proof.json"));
    for proof in vectors().proofs {
        std::fs::write(&policy, &proof.policy).unwrap();
        std::fs::write(&document, &proof.document).unwrap();
        let mut python = Command::new("python3");
        let run = python.arg("-B").arg(&script).arg(&policy).arg(&document).output().unwrap();
        let expected = if proof.valid { 0 } else { 4 };
        let text = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(expected), "{}: {text}", proof.name);
        assert_eq!(text.lines().count(), usize::from(!proof.valid), "{}: {text}", proof.name);
    }
}
