//! `verify log` over a directory: what is valid, and the sentence about each change.

use serde_json::json;
use tlog::{Algorithm, Checkpoint, SigningKey};

use super::written::{Log, ORIGIN, entry, key, signed};
use crate::sandbox::{Run, Sandbox};

pub(super) const VERIFY: [&str; 5] = ["verify", "log", "--policy", "policy", "log"];

fn refused(sandbox: &Sandbox, sentence: &str) -> Run {
    sandbox.run(&VERIFY).code(4).stderr_has(sentence)
}

#[test]
fn logs_of_every_shape_are_valid() {
    for size in [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000] {
        let log = Log::of_size(size);
        let json = log.sandbox().run(&[&VERIFY[..], &["--json"]].concat()).code(0).json();
        let tiles = log.files().keys().filter(|path| !path.to_string().contains("entries")).count();
        assert_eq!(
            json,
            json!({
                "source": "log", "valid": true, "origin": ORIGIN, "size": size,
                "root": log.root().to_string(), "tiles": tiles, "absent": 0, "since": [], "cosignatures": [],
                "checkpoint": log.checkpoint(),
            })
        );
    }
}

#[test]
fn result_names_the_log_and_kept_checkpoints() {
    let log = Log::of_size(300);
    let sandbox = log.sandbox();
    for size in [0, 1, 256, 299, 300] {
        sandbox.file(&format!("kept.{size}"), log.first(size).checkpoint());
    }
    let since: Vec<String> =
        [300, 0, 256, 1, 299].map(|size| format!("--since=kept.{size}")).into();
    let args = VERIFY.iter().copied().chain(since.iter().map(String::as_str));
    let run = sandbox.run(&args.collect::<Vec<_>>()).code(0);
    assert_eq!(
        run.out,
        format!(
            "log: valid
  log.example/audit of size 300 with 0 cosignatures, and root {}
  each entry is that of another record; 3 tiles compared
  continues kept.300, of size 300
  continues kept.0, of size 0
  continues kept.256, of size 256
  continues kept.1, of size 1
  continues kept.299, of size 299
",
            log.root()
        )
    );
}

#[test]
fn edited_entry_is_named() {
    let log = Log::of_size(300);
    let mut edited = log.clone();
    edited.0[270] = entry(5_000);
    // In its bundle alone.
    let sandbox = log.sandbox();
    let bundle =
        edited.files().into_iter().find(|file| file.0.to_string() == "tile/entries/001.p/44");
    sandbox.file("log/tile/entries/001.p/44", bundle.unwrap().1);
    refused(
        &sandbox,
        "entry 270, in tile/entries/001.p/44, is not the one whose hash is in tile/0/001.p/44: one of them was changed",
    );
    // With all tiles.
    edited.write_tiles(&sandbox);
    refused(&sandbox, "the 300 entries of log do not have the root of the checkpoint of this size");
    let run = sandbox.run(&[&VERIFY[..], &["--json"]].concat()).code(4);
    assert_eq!(run.json()["valid"], false);
    assert!(run.json()["error"].as_str().unwrap().contains("the 300 entries"), "{run:?}");
    assert_eq!(run.error_code(), "verification_failed");
}

#[test]
fn removed_inserted_and_swapped_entries_are_found() {
    let log = Log::of_size(600);
    let mut removed = log.clone();
    removed.0.remove(100);
    let sandbox = log.sandbox();
    std::fs::remove_dir_all(sandbox.path("log/tile")).unwrap();
    removed.write_tiles(&sandbox);
    // Written again without it, so the last tiles are those of 599 entries.
    refused(&sandbox, "tile/0/002.p/88 is missing in log, so the log is not complete");
    // With another one at the end, for the size.
    removed.0.push(entry(9_000));
    removed.write_tiles(&sandbox);
    refused(&sandbox, "the 600 entries of log do not have the root");
    let mut inserted = log.clone();
    inserted.0.insert(100, entry(9_000));
    inserted.write_tiles(&sandbox);
    inserted.first(600).write_tiles(&sandbox);
    refused(&sandbox, "the 600 entries of log do not have the root");
    let mut swapped = log.clone();
    swapped.0.swap(17, 590);
    swapped.write_tiles(&sandbox);
    refused(&sandbox, "changed, removed, inserted or reordered");
    // A bundle with an entry too few.
    let sandbox = log.sandbox();
    let bundle = std::fs::read(sandbox.path("log/tile/entries/000")).unwrap();
    sandbox.file("log/tile/entries/000", &bundle[77..]);
    refused(&sandbox, "tile/entries/000 of log has 255 entries, not 256");
    sandbox.file("log/tile/entries/000", [&bundle[..77], &bundle[..]].concat());
    refused(&sandbox, "tile/entries/000 of log has 257 entries, not 256");
    sandbox.file("log/tile/entries/000", &bundle[..bundle.len() - 1]);
    refused(&sandbox, "tile/entries/000 of log: the bundle ends within entry 255");
    let swapped = [&bundle[77..154], &bundle[..77], &bundle[154..]].concat();
    sandbox.file("log/tile/entries/000", swapped);
    refused(&sandbox, "entry 0, in tile/entries/000, is not the one whose hash is in tile/0/000");
}

#[test]
fn log_that_was_cut_short_is_found_by_a_kept_checkpoint() {
    let log = Log::of_size(300);
    let sandbox = log.first(200).sandbox();
    sandbox.file("kept", log.checkpoint());
    sandbox.run(&VERIFY).code(0);
    let since = [&VERIFY[..], &["--since", "kept"]].concat();
    sandbox
        .run(&since)
        .code(4)
        .stderr_has("the log was cut short: its checkpoint has size 200, but kept has size 300");
    // Under the checkpoint of before.
    sandbox.file("log/checkpoint", log.checkpoint());
    refused(&sandbox, "tile/0/000 is missing in log, so the log is not complete");
}

#[test]
fn fork_is_found_by_a_kept_checkpoint() {
    let log = Log::of_size(600);
    let mut other = log.clone();
    other.0[3] = entry(9_000);
    let sandbox = other.sandbox();
    sandbox.run(&VERIFY).code(0);
    for size in [4, 300] {
        sandbox.file("kept", log.first(size).checkpoint());
        let run = sandbox.run(&[&VERIFY[..], &["--since", "kept"]].concat()).code(4);
        run.stderr_has(&format!(
            "fork: the log of size 600 does not continue kept, which has another root for its first {size} entries"
        ));
    }
    sandbox.file("kept", log.checkpoint());
    std::fs::remove_dir_all(sandbox.path("log/tile")).unwrap();
    let run = sandbox.run(&[&VERIFY[..], &["--since", "kept"]].concat()).code(4);
    run.stderr_has("fork: the log of size 600 does not continue kept");
    // Before the changed entry both are the same.
    other.write_tiles(&sandbox);
    sandbox.file("kept", log.first(3).checkpoint());
    sandbox.run(&[&VERIFY[..], &["--since", "kept"]].concat()).code(0);
}

#[test]
fn kept_checkpoint_of_another_log_is_refused() {
    let log = Log::of_size(3);
    let sandbox = log.sandbox();
    let other = SigningKey::from_seed("other".parse().unwrap(), Algorithm::Ed25519, &[2; 32]);
    let policy = format!("log {}\n{}", other.verifier(), sandbox.text("policy"));
    sandbox.file("policy", policy);
    sandbox.file("kept", signed(&Checkpoint::new("other", 3, log.root()).unwrap(), &other));
    let since = [&VERIFY[..], &["--since", "kept"]].concat();
    let run = sandbox.run(&since).code(4);
    run.stderr_has("kept is a checkpoint of other; the log is log.example/audit");
    sandbox.file("kept", "no checkpoint");
    sandbox.run(&since).code(4).stderr_has("kept: not valid: the note has no empty line");
    std::fs::remove_file(sandbox.path("kept")).unwrap();
    sandbox.run(&since).code(1).stderr_has("cannot read kept");
}

#[test]
fn edited_tile_is_named() {
    let log = Log::of_size(70_000);
    let sandbox = log.sandbox();
    let edit = |path: &str, at: usize| {
        let mut bytes = std::fs::read(sandbox.path(path)).unwrap();
        bytes[at] ^= 1;
        sandbox.file(path, bytes);
    };
    edit("log/tile/2/000.p/1", 0);
    refused(
        &sandbox,
        "hash 0 of tile/2/000.p/1 is not that of the entries 0 to 65535: the tile was changed",
    );
    edit("log/tile/1/001.p/17", 16 * 32 + 31);
    refused(&sandbox, "hash 16 of tile/1/001.p/17 is not that of the entries 69632 to 69887");
    edit("log/tile/1/000", 2 * 32);
    refused(&sandbox, "hash 2 of tile/1/000 is not that of the entries 512 to 767");
    edit("log/tile/0/000", 255 * 32);
    refused(&sandbox, "entry 255, in tile/entries/000, is not the one whose hash is in tile/0/000");
}

#[test]
fn checkpoint_of_another_key_is_refused() {
    let log = Log::of_size(3);
    let sandbox = log.sandbox();
    let checkpoint = Checkpoint::new(ORIGIN, 3, log.root()).unwrap();
    let other = SigningKey::from_seed(ORIGIN.parse().unwrap(), Algorithm::Ed25519, &[2; 32]);
    sandbox.file("log/checkpoint", signed(&checkpoint, &other));
    refused(
        &sandbox,
        "the checkpoint of log: not valid: the checkpoint of size 3 is not trusted: there is no signature by \
         log.example/audit",
    );
    let changed = signed(&checkpoint, &key()).replace("\n3\n", "\n2\n");
    sandbox.file("log/checkpoint", changed);
    refused(
        &sandbox,
        "the checkpoint of size 2 is not trusted: the signature by log.example/audit is not one",
    );
    let elsewhere = Checkpoint::new("other", 3, log.root()).unwrap();
    sandbox.file("log/checkpoint", signed(&elsewhere, &key()));
    refused(&sandbox, "the policy has no log with the origin other");
}

#[test]
fn record_with_two_entries_is_found() {
    let mut log = Log::of_size(600);
    log.0[590] = entry(17);
    refused(
        &log.sandbox(),
        "entries 17 and 590 are both of record 01900000-0000-7000-8000-000000000011; a log has one entry a record",
    );
}

#[test]
fn entry_of_something_else_is_refused() {
    let mut log = Log::of_size(300);
    log.0[299] = b"not a record".to_vec();
    refused(
        &log.sandbox(),
        "entry 299, in tile/entries/001.p/44, is not that of an audit record: an entry is 75 bytes that begin with \
         auditrail/entry/v1",
    );
    log.0[299] = vec![0; 65_535];
    refused(&log.sandbox(), "tile/entries/001.p/44 of log is longer than the 65536 bytes");
}
