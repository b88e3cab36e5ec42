//! `verify consistency`.

use auditrail_evidence::ConsistencyDocument;
use serde_json::json;
use tlog::{Algorithm, Checkpoint, Hash, Resource, SigningKey, Tiles, consistency};

use super::written::{Log, entry, signed};
use crate::sandbox::Sandbox;

const VERIFY: [&str; 6] = ["verify", "consistency", "--policy", "policy", "old", "new"];

fn proof(log: &Log, from: u64, to: u64) -> ConsistencyDocument {
    let mut tiles = Tiles::new();
    for (path, bytes) in log.files() {
        if let Resource::Hashes(level) = path.resource() {
            tiles.insert(level, path.index(), path.hashes(&bytes).unwrap());
        }
    }
    let hashes = tiles.proof(&consistency::spans(from, to).unwrap()).unwrap();
    ConsistencyDocument { from, to, hashes }
}

/// A sandbox with a log, and two checkpoints of it.
fn with(log: &Log, from: usize, to: usize) -> Sandbox {
    let sandbox = log.sandbox();
    sandbox.file("old", log.first(from).checkpoint());
    sandbox.file("new", log.first(to).checkpoint());
    sandbox.file("proof", proof(log, from as u64, to as u64).to_json());
    sandbox
}

#[test]
fn proof_and_tiles_show_that_a_log_has_grown() {
    let log = Log::of_size(70_000);
    let sandbox = with(&log, 256, 70_000);
    for from in [1, 255, 256, 257, 65_536, 69_999] {
        sandbox.file("old", log.first(from).checkpoint());
        sandbox.file("proof", proof(&log, from as u64, 70_000).to_json());
        for with in [["--proof", "proof"], ["--log", "log"]] {
            let run = sandbox.run(&[&VERIFY[..], &with].concat()).code(0);
            assert_eq!(
                run.out,
                format!(
                    "new: continues old\n  log.example/audit has grown from size {from} to size 70000, with 0 \
                     cosignatures\n"
                )
            );
        }
    }
    sandbox.file("old", log.first(256).checkpoint());
    let json = sandbox.run(&[&VERIFY[..], &["--log", "log", "--json"]].concat()).code(0).json();
    let expected = json!({
        "old": "old", "new": "new", "valid": true, "origin": "log.example/audit", "from": 256, "to": 70_000,
        "from_root": log.first(256).root().to_string(), "to_root": log.root().to_string(),
        "cosignatures": [],
    });
    assert_eq!(json, expected);
}

#[test]
fn same_size_and_empty_log_need_no_proof() {
    let log = Log::of_size(300);
    for (from, to) in [(300, 300), (0, 300), (0, 0)] {
        with(&log, from, to).run(&VERIFY).code(0).stdout_has("new: continues old");
    }
    let run = with(&log, 1, 300).run(&VERIFY).code(2);
    run.stderr_has("the checkpoints have the sizes 1 and 300").stderr_has("--proof");
    let both = [&VERIFY[..], &["--proof", "proof", "--log", "log"]].concat();
    with(&log, 1, 300).run(&both).code(2);
}

#[test]
fn older_checkpoint_is_not_a_later_one() {
    let sandbox = with(&Log::of_size(300), 256, 300);
    let exchanged = ["verify", "consistency", "--policy", "policy", "new", "old"];
    let run = sandbox.run(&[&exchanged[..], &["--log", "log"]].concat()).code(4);
    run.stderr_has(
        "old is older than new: it has size 256, the other 300; name the older one first",
    );
}

#[test]
fn forks_are_refused() {
    let log = Log::of_size(300);
    let mut other = log.clone();
    other.0[3] = entry(9_000);
    let sandbox = with(&log, 300, 300);
    sandbox.file("old", other.checkpoint());
    let run = sandbox.run(&VERIFY).code(4);
    run.stderr_has("fork: old and new have the same size, 300, and two roots; keep both");
    sandbox.file("old", other.first(256).checkpoint());
    sandbox.file("proof", proof(&log, 256, 300).to_json());
    for (with, name) in [(["--proof", "proof"], "proof"), (["--log", "log"], "the tiles of log")] {
        let run = sandbox.run(&[&VERIFY[..], &with].concat()).code(4);
        run.stderr_has(&format!(
            "{name}: not valid: the tree of size 300 does not begin with the leaves of the tree of size 256"
        ));
    }
    let run = sandbox.run(&[&VERIFY[..], &["--log", "log", "--json"]].concat()).code(4);
    assert_eq!(run.json()["valid"], false);
}

#[test]
fn checkpoints_of_two_logs_are_refused() {
    let log = Log::of_size(3);
    let sandbox = with(&log, 3, 3);
    let other = SigningKey::from_seed("other".parse().unwrap(), Algorithm::Ed25519, &[2; 32]);
    let policy = format!("log {}\n{}", other.verifier(), sandbox.text("policy"));
    sandbox.file("policy", policy);
    sandbox.file("new", signed(&Checkpoint::new("other", 3, log.root()).unwrap(), &other));
    sandbox.run(&VERIFY).code(4).stderr_has(
        "old is a checkpoint of log.example/audit, and new one of other: they are of two logs",
    );
    sandbox.file("policy", super::written::policy());
    sandbox
        .run(&VERIFY)
        .code(4)
        .stderr_has("new: not valid: the policy has no log with the origin");
}

#[test]
fn changed_proofs_and_tiles_are_refused() {
    let log = Log::of_size(300);
    let sandbox = with(&log, 3, 300);
    let refused = |document: &str, sentence: &str| {
        sandbox.file("proof", document);
        let run = sandbox.run(&[&VERIFY[..], &["--proof", "proof"]].concat()).code(4);
        run.stderr_has(sentence);
    };
    let good = proof(&log, 3, 300);
    let mut bad = good.clone();
    bad.hashes[1] = Hash([0; 32]);
    refused(&bad.to_json(), "proof: not valid: the tree of size 300 does not begin");
    bad.hashes.pop();
    refused(&bad.to_json(), "proof: not valid: the proof has");
    let other = proof(&log, 4, 300).to_json();
    refused(
        &other,
        "proof is a proof from size 4 to size 300; the checkpoints have the sizes 3 and 300",
    );
    refused("{}", "proof: not valid: the document is not a consistency proof: missing field");
    let version = good.to_json().replace("/v1", "/v2");
    refused(&version, "the document is of version \"auditrail/consistency/v2\"");
    let from_tiles = [&VERIFY[..], &["--log", "log"]].concat();
    std::fs::remove_file(sandbox.path("log/tile/0/000")).unwrap();
    sandbox.run(&from_tiles).code(4).stderr_has("tile/0/000 is missing in log");
    sandbox.file("log/tile/0/000", [0; 8192]);
    sandbox.run(&from_tiles).code(4).stderr_has("the tiles of log: not valid: ");
}
