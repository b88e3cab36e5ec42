//! Output on a terminal: tables have one line a row at every width.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::Stdio;

use auditrail_testkit::TestDb;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use crate::sandbox::Sandbox;

/// Runs the program with stdout on a terminal of this width, and returns its lines.
fn lines(sandbox: &Sandbox, args: &[&str], columns: u16) -> Vec<String> {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let side = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&side, size).unwrap();
    let mut command = sandbox.command(args);
    command.env("NO_COLOR", "1").stdout(Stdio::from(side)).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // The command holds the terminal open.
    drop(command);
    let mut bytes = Vec::new();
    let mut terminal = File::from(terminal);
    let mut part = [0; 4096];
    // Reading fails once the program has closed the terminal.
    while let Ok(length @ 1..) = terminal.read(&mut part) {
        bytes.extend(&part[..length]);
    }
    assert!(child.wait().unwrap().success(), "{args:?}");
    String::from_utf8(bytes).unwrap().lines().map(ToOwned::to_owned).collect()
}

/// Imports records like those of a cloud provider, with names in other scripts.
fn records(sandbox: &Sandbox) -> usize {
    let names = ["漢字の名前", "👨‍👩‍👧 Family", "e\u{301}tienne", "plain", "ﬁ\u{200b}x"];
    let lines: String = (0..10)
        .map(|n| {
            json!({
                "actor_type": "user",
                "actor_id": format!("arn:aws:sts::123456789012:assumed-role/Admin/{n}"),
                "actor_name": names[n % names.len()],
                "action": "iam.DeleteRolePermissionsBoundary",
                "target_type": "iam.role",
                "target_id": format!("stratus-red-team-{n}-{}", "x".repeat(n * 5)),
                "ip_address": if n % 2 == 0 { "203.0.113.7" } else { "2001:db8:1:2:3:4:5:6" },
                "request_id": "748eba5e-37b1-41bc-b0e5-3d1b4f1f2d3c",
                "tenant_id": "acme",
                "outcome": "failure",
                "created_at": format!("2026-01-02T03:04:{n:02}Z"),
                "metadata": {"arn": "arn:aws:iam::123456789012:role/x", "text": "行".repeat(100)},
            })
            .to_string()
                + "\n"
        })
        .collect();
    sandbox.run_with_input(&["import", "--format", "ndjson", "-"], lines.as_bytes()).code(0);
    10
}

#[tokio::test]
async fn records_take_one_line_at_every_width() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let records = records(&sandbox);
    for columns in [1, 10, 20, 40, 60, 79, 80, 100, 140, 300] {
        let lines = lines(&sandbox, &["query"], columns);
        assert_eq!(lines.len(), records + 1, "{columns}: {lines:#?}");
        for line in &lines {
            assert!(line.width() <= usize::from(columns), "{columns}: {line}");
        }
    }
    let header = |columns| lines(&sandbox, &["query"], columns).remove(0);
    let names = |columns| {
        let header = header(columns);
        header.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let all =
        ["time", "actor", "action", "target", "outcome", "ip", "tenant", "request", "metadata"];
    assert_eq!(names(300), all);
    assert_eq!(
        names(140),
        ["time", "actor", "action", "target", "outcome", "ip", "tenant", "metadata"]
    );
    assert_eq!(names(80), ["time", "actor", "action", "target"]);
    // Columns begin where their headers do, whatever the script.
    let wide = lines(&sandbox, &["query"], 300);
    let start = wide[0].find("action").unwrap();
    for line in &wide[1..] {
        let before = line.find("iam.DeleteRole").unwrap();
        assert_eq!(line[..before].width(), start, "{line}");
    }
}

#[tokio::test]
async fn an_unknown_width_is_no_limit() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let records = records(&sandbox);
    let unknown = lines(&sandbox, &["query"], 0);
    let piped = sandbox.run(&["query"]).code(0);
    assert_eq!(unknown, piped.out.lines().collect::<Vec<_>>());
    assert_eq!(unknown.len(), records + 1);
    assert!(unknown[1].contains("stratus-red-team-9-xxxx"), "{unknown:?}");
    assert!(unknown[1].contains("arn:aws:sts::123456789012:assumed-role/Admin/9"));
    let set = Sandbox::with(&db.url(&db.app())).set("COLUMNS", "60");
    assert!(lines(&set, &["query"], 0).iter().all(|line| line.width() <= 60));
}

#[tokio::test]
async fn every_table_fits_the_terminal() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    let long = "a rather long name for a key of an integration";
    let create = ["key", "create", "--scope", "write", "--scope", "read", "--tenant", "acme"];
    sandbox.run(&[&create[..], &["--name", long, "--expires", "90d"]].concat()).code(0);
    records(&sandbox);
    for args in [&["key", "list"][..], &["migrate", "status"], &["config", "show"], &["stats"]] {
        let rows = sandbox.run(args).code(0).out.lines().count();
        for columns in [40, 60, 80, 140] {
            let lines = lines(&sandbox, args, columns);
            assert_eq!(lines.len(), rows, "{args:?} {columns}: {lines:#?}");
            let widest = lines.iter().map(|line| line.width()).max().unwrap();
            assert!(widest <= usize::from(columns), "{args:?}: {widest} > {columns}: {lines:#?}");
        }
    }
    let keys = lines(&sandbox, &["key", "list"], 60);
    let id = keys[1].split(' ').next().unwrap();
    sandbox.run(&["key", "revoke", id]).code(0);
}
