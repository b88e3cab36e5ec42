//! `verify log` over directories that others made.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tlog::Checkpoint;

use super::log::VERIFY;
use super::written::{Log, ORIGIN, key, signed};
use crate::sandbox::Sandbox;

fn refused(sandbox: &Sandbox, sentence: &str) {
    sandbox.run(&VERIFY).code(4).stderr_has(sentence);
}

#[test]
fn only_regular_files_are_read() {
    for tile in ["tile/0/000.p/7", "tile/entries/000.p/7", "checkpoint"] {
        let sandbox = Log::of_size(7).sandbox();
        let path = sandbox.path("log").join(tile);
        fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        refused(&sandbox, &format!("log/{tile} is a symbolic link, not a file"));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused(&sandbox, &format!("log/{tile} is a directory, not a file"));
        fs::remove_dir(&path).unwrap();
        // Opening a pipe without a writer would wait for ever.
        mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        refused(&sandbox, &format!("log/{tile} is a device or a pipe, not a file"));
    }
    let sandbox = Log::of_size(7).sandbox();
    fs::remove_dir_all(sandbox.path("log/tile/0")).unwrap();
    sandbox.file("log/tile/0", "");
    refused(&sandbox, "log/tile/0/000.p/7 is below something that is no directory, not a file");
}

#[test]
fn missing_truncated_and_oversized_files_are_named() {
    let sandbox = Log::of_size(300).sandbox();
    let replaced = |path: &str, bytes: &[u8], sentence: &str| {
        let before = fs::read(sandbox.path("log").join(path)).unwrap();
        sandbox.file(&format!("log/{path}"), bytes);
        refused(&sandbox, sentence);
        sandbox.file(&format!("log/{path}"), before);
    };
    replaced(
        "tile/0/000",
        &[0; 8191],
        "tile/0/000 of log has 8191 bytes; its 256 hashes take 8192",
    );
    replaced("tile/0/000", &[0; 8193], "tile/0/000 of log is longer than the 8192 bytes");
    replaced("tile/0/000", &[], "tile/0/000 of log has 0 bytes");
    replaced("tile/entries/000", &[], "tile/entries/000 of log has 0 entries, not 256");
    replaced(
        "tile/entries/000",
        &vec![0; 1 << 20],
        "tile/entries/000 of log is longer than the 65536 bytes",
    );
    replaced(
        "checkpoint",
        &vec![b'a'; 1 << 20],
        "checkpoint of log is longer than the 262144 bytes",
    );
    replaced("checkpoint", b"", "the checkpoint of log: not valid: the note has no empty line");
    replaced("tile/1/000.p/1", &[0; 64], "tile/1/000.p/1 of log is longer than the 32 bytes");
    fs::remove_file(sandbox.path("log/tile/1/000.p/1")).unwrap();
    refused(&sandbox, "tile/1/000.p/1 is missing in log, so the log is not complete");
    fs::remove_file(sandbox.path("log/checkpoint")).unwrap();
    sandbox.run(&VERIFY).code(1).stderr_has("log has no `checkpoint`").stderr_has("hint: ");
    sandbox.run(&[&VERIFY[..4], &["nowhere"]].concat()).code(1).stderr_has("cannot read nowhere");
    sandbox.run(&[&VERIFY[..4], &["policy"]].concat()).code(1).stderr_has("cannot read policy");
}

#[test]
fn size_that_nothing_is_there_for_ends_at_the_first_tile() {
    let log = Log::of_size(256);
    let sandbox = log.sandbox();
    for size in [2_560_000_000, i64::MAX as u64] {
        let checkpoint = Checkpoint::new(ORIGIN, size, log.root()).unwrap();
        sandbox.file("log/checkpoint", signed(&checkpoint, &key()));
        refused(&sandbox, "tile/0/001 is missing in log, so the log is not complete");
    }
}

/// A mirror may have removed partial tiles that full ones have replaced.
#[test]
fn full_tile_serves_for_a_partial_one() {
    let log = Log::of_size(1_000);
    let sandbox = log.sandbox();
    sandbox.file("log/checkpoint", log.first(700).checkpoint());
    // 700 entries: tile/0/002 has 188 of its 256 hashes, tile/1/000 two of its three.
    refused(&sandbox, "tile/1/000.p/2 is missing in log");
    log.first(700).write_tiles(&sandbox);
    fs::remove_dir_all(sandbox.path("log/tile/0/002.p")).unwrap();
    fs::remove_dir_all(sandbox.path("log/tile/entries/002.p")).unwrap();
    sandbox.run(&VERIFY).code(0).stdout_has("of size 700");
}

#[test]
fn control_characters_of_a_log_do_not_reach_the_terminal() {
    let sandbox = Log::of_size(3).sandbox();
    let origin = "log\u{9b}2J.example";
    let checkpoint = Checkpoint::new(origin, 3, Log::of_size(3).root()).unwrap();
    sandbox.file("log/checkpoint", signed(&checkpoint, &key()));
    let run = sandbox.run(&VERIFY).code(4).stderr_has("the policy has no log with the origin");
    assert!(!run.err.contains('\u{9b}'), "{run:?}");
}
