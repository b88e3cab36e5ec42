//! The log of `serve` as JSON: every line of stderr is an event.

use auditrail_testkit::TestDb;
use serde_json::Value;
use tempfile::TempDir;

use crate::sandbox::{Run, Sandbox};
use crate::service::Service;

const JSON: &str = "AUDITRAIL_LOG_FORMAT";

/// The events on stderr; at least one.
#[track_caller]
fn events(err: &str) -> Vec<Value> {
    let events: Vec<Value> = err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} in {err}")))
        .collect();
    assert!(!events.is_empty());
    for event in &events {
        for field in ["timestamp", "level", "message", "target"] {
            assert!(event[field].is_string(), "no {field} in {event}");
        }
    }
    events
}

#[track_caller]
fn messages(err: &str) -> String {
    let events = events(err);
    events.iter().map(|event| event["message"].as_str().unwrap().to_owned() + "\n").collect()
}

/// Starts the service as people do, without `--json`, and stops it once it has printed the first key.
fn private_start(sandbox: &Sandbox, dir: &str) -> Run {
    let mut command = sandbox.command(&["serve", "--listen", "127.0.0.1:0", "--admin-listen"]);
    command.args(["127.0.0.1:0", "--data-dir", dir]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut byte = [0];
    let mut out = child.stdout.take().unwrap();
    std::io::Read::read_exact(&mut out, &mut byte).unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_private_start_logs_events_alone() {
    let data = TempDir::new().unwrap();
    let sandbox = Sandbox::bare().set(JSON, "json");
    let run = private_start(&sandbox, data.path().to_str().unwrap()).code(0);
    let messages = messages(&run.err);
    for part in [
        "creating the private PostgreSQL",
        "applying 001_create_audit_logs_table.sql",
        "created the first API key",
        "this key is shown only once",
    ] {
        assert!(messages.contains(part), "no {part} in {messages}");
    }
}

#[tokio::test]
async fn a_start_with_migrations_logs_events_alone() {
    let db = TestDb::empty().await;
    let sandbox = Sandbox::with(&db.url(&db.owner())).set(JSON, "json");
    let service = Service::start(&sandbox, &["--migrate"]);
    let (code, err) = service.stop();
    assert_eq!(code, Some(0), "{err}");
    assert!(messages(&err).contains("applying 001_create_audit_logs_table.sql"), "{err}");
}

#[tokio::test]
async fn errors_that_end_the_start_are_events() {
    let db = TestDb::empty().await;
    let url = db.url(&db.owner());
    for (sandbox, args, code, error) in [
        (Sandbox::with(&url), &[][..], 3, "migrations_pending"),
        (Sandbox::with("postgres://u@127.0.0.1:1/none"), &[], 6, "database_unreachable"),
        (Sandbox::with("mysql://nothing"), &[], 2, "usage"),
        (Sandbox::with(&url).set("AUDITRAIL_WRITE_BUDGET", "many"), &[], 2, "configuration"),
        (Sandbox::with(&url), &["--listen", "nowhere"], 2, "configuration"),
        (Sandbox::with(&url), &["--bogus"], 2, "usage"),
        (Sandbox::with(&url), &["--config", "missing.toml"], 2, "configuration"),
    ] {
        let sandbox = sandbox.set(JSON, "json");
        let mut all = vec!["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        if args.first() == Some(&"--listen") {
            all.truncate(1);
        }
        all.extend(args);
        let run = sandbox.run(&all).code(code);
        let events = events(&run.err);
        let last = events.last().unwrap();
        assert_eq!((&last["level"], &last["error"]["code"]), (&"ERROR".into(), &error.into()));
    }
}

#[tokio::test]
async fn the_format_of_the_file_counts() {
    let db = TestDb::empty().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    sandbox.file("auditrail.toml", "[server]\nlog_format = \"text\"\n");
    let ports = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let run = sandbox.run(&ports).code(3);
    assert!(run.err.starts_with("error: "), "{run:?}");
    sandbox.file("auditrail.toml", "[server]\nlog_format = \"json\"\n");
    events(&sandbox.run(&ports).code(3).err);
}
