//! `docs/pack-vectors.json`, and the script in Python, which judges packs alike.

use std::path::Path;
use std::process::Command;

use auditrail_evidence::pack::names;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::support::{COMPLETE, FILTERED, Files, Options, policy, verified};
use super::tamperings::TAMPERINGS;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Vectors {
    description: String,
    policy: String,
    packs: Vec<Pack>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pack {
    name: String,
    zip: String,
    valid: bool,
}

const DESCRIPTION: &str = "Packs as Base64, and whether each is valid under the policy. Written by a test of \
                           auditrail-evidence: AUDITRAIL_BLESS=1";

/// Valid packs.
const VALID: [(&str, Options<'_>); 5] = [
    ("complete", COMPLETE),
    ("complete, of one record", Options { size: 1, from: 0, to: 0, ..COMPLETE }),
    ("filtered", FILTERED),
    ("withheld fields", Options { withheld: &["actor_id", "metadata"], ..COMPLETE }),
    ("records that left", Options { left: &[250, 255], ..COMPLETE }),
];

/// Every pack, with the few files that are verified.
fn packs() -> Vec<Pack> {
    let pack = |name: &str, files: &Files, valid: bool| {
        let mut files = files.clone();
        files.0.remove(names::README);
        files.0.remove(names::POLICY);
        Pack { name: name.to_owned(), zip: STANDARD.encode(files.zip()), valid }
    };
    let valid = VALID.iter().map(|(name, options)| pack(name, &Files::new(*options), true));
    let tampered = TAMPERINGS.iter().map(|(name, options, change, _)| {
        let mut files = Files::new(*options);
        change(&mut files);
        pack(name, &files, false)
    });
    // Its 5 MB take as much as all others.
    valid.chain(tampered).filter(|pack| pack.name != "huge line").collect()
}

fn docs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

#[test]
fn vectors_are_those_of_the_tests() {
    let (description, policy) = (DESCRIPTION.to_owned(), policy());
    let vectors = Vectors { description, policy, packs: packs() };
    let path = docs().join("pack-vectors.json");
    if std::env::var_os("AUDITRAIL_BLESS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
    }
    let committed: Vectors = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    // Other versions of a library may compress in another way.
    assert_eq!(committed.packs.len(), vectors.packs.len());
    for (committed, pack) in committed.packs.iter().zip(&vectors.packs) {
        assert_eq!((&committed.name, committed.valid), (&pack.name, pack.valid));
        let outcome = verified(&STANDARD.decode(&committed.zip).unwrap());
        assert_eq!(outcome.is_ok(), pack.valid, "{}: {outcome:?}", pack.name);
    }
}

/// Skipped without Python.
#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn python_script_judges_packs_alike() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let trusted = directory.path().join("policy");
    std::fs::write(&trusted, policy()).unwrap();
    let mut python = Command::new("python3");
    python.arg("-B").arg(docs().join("auditrail_verify.py")).arg(&trusted);
    let packs = packs();
    for (number, pack) in packs.iter().enumerate() {
        let file = directory.path().join(format!("{number}.zip"));
        std::fs::write(&file, STANDARD.decode(&pack.zip).unwrap()).unwrap();
        python.arg(file);
    }
    let run = python.output().unwrap();
    assert_eq!(run.status.code(), Some(4));
    let lines = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (lines(run.stdout), lines(run.stderr));
    assert_eq!(out.lines().count() + err.lines().count(), packs.len(), "{out}{err}");
    for (number, pack) in packs.iter().enumerate() {
        let (lines, is) = if pack.valid { (&out, "valid") } else { (&err, "not valid") };
        let line = lines.lines().find(|line| line.contains(&format!("/{number}.zip: {is}: ")));
        assert!(line.is_some(), "{}: {out}{err}", pack.name);
    }
}
