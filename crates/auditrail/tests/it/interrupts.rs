//! Ctrl-C while a command works.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use auditrail_testkit::TestDb;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::sandbox::Sandbox;

#[tokio::test]
async fn an_interrupted_import_says_what_is_committed() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let mut command = sandbox.command(&["import", "--format", "ndjson", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let line = |n: u32| {
        format!(
            "{{\"actor_type\":\"user\",\"actor_id\":\"u1\",\"action\":\"a.b\",\"target_type\":\"t\",\
             \"target_id\":\"{n}\",\"created_at\":\"2026-01-02T03:04:05Z\"}}\n"
        )
    };
    let lines: String = (0..30_000).map(line).collect();
    input.write_all(lines.as_bytes()).unwrap();
    // The input stays open, so the import cannot end.
    let mut app = db.connect(db.app()).await;
    let any = "select exists (select from control_plane.audit_logs)";
    auditrail_testkit::until(&mut app, any).await;
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{err}");
    assert!(err.starts_with("error: the import was interrupted: "), "{err}");
    assert!(err.contains("committed") && err.contains("run the same command again"), "{err}");
    drop(input);
    let all =
        sandbox.run_with_input(&["import", "--format", "ndjson", "--json", "-"], lines.as_bytes());
    let report = all.code(0).json();
    assert_eq!(report["read"], 30_000);
    assert!(report["duplicates"].as_u64().unwrap() > 0, "{report}");
}

/// The terminal sends Ctrl-C to every process, so also to `initdb`.
#[test]
fn an_interrupted_first_start_prints_one_line() {
    for command in ["query", "serve"] {
        let mut sandbox = Sandbox::bare().set("AUDITRAIL_DATA_DIR", "data");
        if let Ok(bin) = std::env::var("AUDITRAIL_PG_BIN") {
            sandbox = sandbox.set("AUDITRAIL_PG_BIN", &bin);
        }
        sandbox = sandbox.set("AUDITRAIL_LOG_FORMAT", "text");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(sandbox.path(""), open).unwrap();
        let listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let more = if command == "serve" { &listen[..] } else { &[] };
        let mut child = sandbox
            .command(&[&[command], more].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        err.read_line(&mut first).unwrap();
        assert!(first.starts_with("creating the private PostgreSQL"), "{first}");
        kill_process_group(Pid::from_child(&child), Signal::INT).unwrap();
        let mut rest = String::new();
        err.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
        assert_eq!(rest, "error: interrupted\n", "{command}");
        // Nothing is left that keeps the next start from working.
        sandbox.run(&["query"]).code(0);
    }
}
