//! Compares records with the independent reading of `reading.py`.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs a program with input; `None` with a message if it is not installed.
pub(crate) fn filter(program: &str, args: &[&str], input: &str) -> Option<Vec<Value>> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("skipped: there is no {program} on this machine");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input.as_bytes()).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// The readings of events, one per line.
pub(crate) fn readings(format: &str, events: &str) -> Option<Vec<Value>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/reading.py");
    filter("python3", &[script, format], events)
}

/// A committed sample: small events in the form of each product, written by hand.
pub(crate) fn sample(name: &str) -> String {
    let path = format!("{}/tests/it/samples/{name}.ndjson", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// Asserts that a stored record has the actor, the time and the address of a reading.
#[track_caller]
pub(crate) fn assert_read_alike(record: &Value, reading: &Value) {
    let actor = match record["actor_type"].as_str() {
        Some("system") => "system".to_owned(),
        kind => format!("{}:{}", kind.unwrap(), record["actor_id"].as_str().unwrap()),
    };
    assert_eq!(actor, reading["actor"], "{record}");
    assert_eq!(record["ip_address"], reading["address"], "{record}");
    assert_eq!(record["outcome"], reading["outcome"], "{record}");
    if reading["time"].is_i64() {
        let time: jiff::Timestamp = record["created_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(time.as_microsecond(), reading["time"], "{record}");
    }
}
