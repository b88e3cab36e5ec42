//! `tail`.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use auditrail_testkit::TestDb;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::db::Private;
use crate::sandbox::Sandbox;

fn import(sandbox: &Sandbox, numbers: std::ops::Range<u32>) {
    let lines: String = numbers
        .map(|n| {
            let action = if n % 2 == 0 { "project.created" } else { "key.rotated" };
            let record = json!({
                "actor_type": "user", "actor_id": "ana", "action": action, "target_type": "project",
                "target_id": format!("p{n}"), "created_at": format!("2026-01-01T00:00:{n:02}Z"),
            });
            format!("{record}\n")
        })
        .collect();
    let run = sandbox.run_with_input(&["import", "--format", "ndjson", "-"], lines.as_bytes());
    run.code(0);
}

fn seqs(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["seq"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn no_follow_ends_at_the_newest_record() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    import(&sandbox, 0..6);
    db.sequence().await;
    let tail = |args: &[&str]| {
        sandbox.run(&[&["tail", "--no-follow", "--json", "--after", "-1"], args].concat()).code(0)
    };
    let all = tail(&[]);
    assert_eq!(seqs(&all.rows()), [0, 1, 2, 3, 4, 5]);
    assert_eq!(all.rows()[4]["target_id"], "p4");
    let position: Value = serde_json::from_str(all.err.lines().last().unwrap()).unwrap();
    assert_eq!(position["position"]["seq"], 5);
    assert_eq!(position["position"]["id"], all.rows()[5]["id"]);
    assert_eq!(seqs(&tail(&["--action", "key.*", "--limit", "2"]).rows()), [1, 3]);
    let newest = sandbox.run(&["tail", "--no-follow", "--json"]).code(0);
    assert_eq!(newest.out, "");
    let lines = sandbox.run(&["tail", "--no-follow", "--after", "3"]).code(0);
    let first = "4  2026-01-01T00:00:04Z  user:ana  project.created  project:p4";
    assert_eq!(lines.out.lines().next().map(str::trim), Some(first));
    lines.stderr_has("to continue: auditrail tail --after 5 --after-id ");
}

#[tokio::test]
async fn a_wrong_position_is_an_error() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    import(&sandbox, 0..3);
    db.sequence().await;
    let other = ["--after", "1", "--after-id", "00000000-0000-0000-0000-000000000001"];
    for args in [&["--after", "3"][..], &other] {
        let run = sandbox.run(&[&["tail", "--json"], args].concat()).code(1);
        assert_eq!(run.error_code(), "position_unknown");
    }
    let run = sandbox.run(&["tail", "--after", "x", "--json"]).code(2);
    run.stderr_has("--after").stderr_has("-1 for the start");
}

#[tokio::test]
async fn new_records_are_printed_until_ctrl_c() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    import(&sandbox, 0..2);
    db.sequence().await;
    let mut command = sandbox.command(&["tail", "--after", "0", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["seq"].as_i64().unwrap()
    };
    assert_eq!(next(), 1);
    for n in 2..5 {
        import(&sandbox, n..n + 1);
        db.sequence().await;
        assert_eq!(next(), i64::from(n));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{err}");
    let position: Value = serde_json::from_str(err.lines().last().unwrap()).unwrap();
    assert_eq!(position["position"]["seq"], 4);
}

#[test]
fn records_of_the_private_database_get_their_seq() {
    let private = Private::new();
    let sandbox = &private.0;
    import(sandbox, 0..3);
    let args = ["tail", "--after", "-1", "--no-follow", "--json"];
    let first = sandbox.run(&args).code(0);
    assert_eq!(seqs(&first.rows()), [0, 1, 2]);
    import(sandbox, 3..4);
    let targets: Vec<String> = sandbox
        .run(&args)
        .code(0)
        .rows()
        .iter()
        .map(|row| row["target_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(targets[3], "p3");
}
