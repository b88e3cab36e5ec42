//! `import` of invalid input: error messages, exit codes, and no partial chunks.

use std::io::Write;
use std::process::{Child, Stdio};

use auditrail_testkit::TestDb;
use serde_json::Value;

use crate::import::{counts, gzip, line, lines};
use crate::sandbox::Sandbox;

#[tokio::test]
async fn invalid_lines_do_not_stop_the_import() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let with = |from: &str, to: &str| line(1).replace(from, to).trim_end().to_owned();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"nonsense".to_vec(), "not JSON at column "),
        (b"[]".to_vec(), "must be an object"),
        (b"{\"actor_id\":\"\xff\"}".to_vec(), "not valid UTF-8 at byte 13"),
        (with("u1", "u\\u0000").into(), "/actor_id: "),
        (with("\"user\"", "\"system\"").into(), "/actor_id: must be \"system\""),
        (with("2026-01", "+300000-01").into(), "/created_at: must be between the years"),
        (with("2026-01", "2999-01").into(), "/created_at: "),
        (with("{", "{\"actorid\":1,").into(), "/actorid: "),
        (with("{", "{\"metadata\":{\"a\":\"\\u0000\"},").into(), "/metadata: holds \\u0000"),
        (with("\"user\"", "\"robot\"").into(), "/actor_type: "),
        (with("\"a.b\"", "\"ab\"").into(), "/action: "),
    ];
    let mut file = line(100).into_bytes();
    for (bytes, _) in &cases {
        file.extend(bytes);
        file.push(b'\n');
    }
    file.extend(line(101).bytes());
    sandbox.file("bad.ndjson", file);
    let args = ["import", "--format", "ndjson", "--json", "--rejects", "r.ndjson", "bad.ndjson"];
    let run = sandbox.run(&args).code(1);
    assert_eq!(counts(&run.json()), (2, 0, cases.len() as u64));
    assert_eq!(run.error_code(), "lines_rejected");
    let rejects = cases.iter().flat_map(|(bytes, _)| [bytes.as_slice(), b"\n"]);
    let rejects = rejects.collect::<Vec<_>>().concat();
    assert_eq!(std::fs::read(sandbox.path("r.ndjson")).unwrap(), rejects);
    let reasons = sandbox.text("r.ndjson.reasons");
    assert_eq!(reasons.lines().count(), cases.len());
    for (n, ((_, reason), row)) in cases.iter().zip(reasons.lines()).enumerate() {
        let row: Value = serde_json::from_str(row).unwrap();
        assert_eq!((&row["line"], &row["rejects_line"]), (&(n + 2).into(), &(n + 1).into()));
        let message = row["reason"].as_str().unwrap();
        assert!(message.contains(reason), "line {}: {message}", n + 2);
        assert!(run.err.contains(&format!("bad.ndjson:{}: {message}", n + 2)), "{run:?}");
    }
}

#[tokio::test]
async fn rejects_are_grouped_by_reason_and_counted() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("bad.ndjson", "no\n".repeat(12_345));
    let run = sandbox.run(&["import", "--format", "ndjson", "bad.ndjson"]).code(1);
    let run = run
        .stderr_has("12344 more lines rejected for the reason of ")
        .stderr_has("12345 lines rejected");
    assert_eq!(run.err.matches("not JSON").count(), 1);
}

#[tokio::test]
async fn strict_import_stops_at_the_first_reject() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("bad.ndjson", lines(0..5_500) + "no\n" + &lines(5_500..20_000));
    let args = ["import", "--format", "ndjson", "--strict", "--json", "bad.ndjson"];
    let run = sandbox.run(&args).code(1).stderr_has("bad.ndjson:5501: not JSON");
    assert_eq!(counts(&run.json()), (5_000, 0, 1));
    sandbox.file("bad.ndjson", lines(0..5_500) + &lines(5_500..6_000));
    let run = sandbox.run(&args).code(0);
    assert_eq!(counts(&run.json()), (1_000, 5_000, 0));
}

#[tokio::test]
async fn corrupt_gzip_keeps_complete_chunks() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    // Incompressible ids, so that the middle of the file is near the middle record.
    let text: String = (0..20_000_u64)
        .map(|n| {
            let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            line(n).replace("\"u1\"", &format!("\"u{id:x}\""))
        })
        .collect();
    let whole = gzip(text);
    let args = ["import", "--format", "ndjson", "--json", "a.ndjson.gz"];
    sandbox.file("a.ndjson.gz", &whole[..whole.len() / 2]);
    let run = sandbox.run(&args).code(1).stderr_has("cannot read all of a.ndjson.gz: ");
    let run = run.stderr_has("is truncated");
    assert_eq!(run.error_code(), "file_broken");
    let (created, duplicates, rejected) = counts(&run.json());
    assert_eq!((created % 5_000, duplicates, rejected), (0, 0, 0));
    assert!((5_000..15_000).contains(&created), "{created}");

    let mut broken = whole.clone();
    let middle = broken.len() / 2;
    broken[middle..middle + 64].fill(0xff);
    sandbox.file("a.ndjson.gz", &broken);
    sandbox.run(&args).code(1).stderr_has("the compressed data is corrupt");

    sandbox.file("a.ndjson.gz", &whole);
    let run = sandbox.run(&args).code(0);
    let (more, again, _) = counts(&run.json());
    assert_eq!(more + again, 20_000);
    assert!(again >= created);
}

/// The peak resident memory of a running process, in KiB.
fn peak_kib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Records of maximum size, many times the memory limit in total.
#[tokio::test]
async fn memory_does_not_grow_with_the_file() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let mut command = sandbox.command(&["import", "--format", "ndjson", "--json", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let large = format!("{{\"metadata\":{{\"a\":\"{}\"}},", "x".repeat(60_000));
    for n in 0..2_500 {
        stdin.write_all(line(n).replacen('{', &large, 1).as_bytes()).unwrap();
    }
    assert!(peak_kib(&child) < 64 * 1_024, "{} KiB", peak_kib(&child));
    drop(stdin);
    let run: crate::sandbox::Run = child.wait_with_output().unwrap().into();
    assert_eq!(counts(&run.code(0).json()), (2_500, 0, 0));
}

#[tokio::test]
async fn oversized_line_is_skipped_in_constant_memory() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let mut command = sandbox.command(&["import", "--format", "ndjson", "--json", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let block = vec![b'x'; 1_000_000];
    stdin.write_all(line(1).as_bytes()).unwrap();
    for _ in 0..100 {
        stdin.write_all(&block).unwrap();
    }
    // The program has read everything except the contents of the pipe.
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 64 * 1_024, "{kib} KiB");
    stdin.write_all(b"\n").unwrap();
    stdin.write_all(line(2).as_bytes()).unwrap();
    drop(stdin);
    let run: crate::sandbox::Run = child.wait_with_output().unwrap().into();
    let run = run.code(1).stderr_has("-:2: the record has 100000000 bytes");
    assert_eq!(counts(&run.json()), (2, 0, 1));
}

#[tokio::test]
async fn unreadable_files_fail_before_any_write() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("good.ndjson", line(1));
    let import = |file: &str| sandbox.run(&["import", "--format", "ndjson", "good.ndjson", file]);
    import("none.ndjson").code(1).stderr_has("cannot read none.ndjson");
    import(".").code(1).stderr_has("is a directory");
    assert_eq!(sandbox.run(&["query", "--json"]).rows().len(), 0);
    sandbox.run(&["import", "--format", "ndjson", "-", "-"]).code(2).stderr_has("only once");
    sandbox.run(&["import", "--format", "xml", "x"]).code(2);
    sandbox.run(&["import", "--format", "ndjson"]).code(2);
}

#[tokio::test]
async fn empty_file_is_a_warning() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("empty", "");
    sandbox.file("blank", "\n \n");
    sandbox.file("empty.gz", gzip(""));
    let run = sandbox.run(&["import", "--format", "ndjson", "empty", "blank", "empty.gz"]).code(0);
    run.stderr_has("empty contains no records")
        .stderr_has("blank contains no records")
        .stderr_has("empty.gz contains no records");
}

#[tokio::test]
async fn truncated_cloudtrail_document_discards_its_chunk() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("cut.json", "{\"Records\":[{\"eventName\":\"X\"},{\"eventN");
    let run = sandbox.run(&["import", "--format", "cloudtrail", "cut.json"]).code(1);
    run.stderr_has("cut.json:1 (record 1): userIdentity: is missing")
        .stderr_has("unexpected end of file inside a JSON document");
}

#[tokio::test]
async fn missing_schema_or_privilege_stops_the_import() {
    let db = TestDb::empty().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    sandbox.file("a.ndjson", lines(0..3));
    let args = ["import", "--format", "ndjson", "--json", "a.ndjson"];
    let run = sandbox.run(&args).code(3);
    assert_eq!(run.error_code(), "not_migrated");
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let revoke = "revoke insert on control_plane.audit_logs from auditrail_app";
    sqlx::raw_sql(revoke).execute(&mut admin).await.unwrap();
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("a.ndjson", lines(0..3));
    assert_eq!(sandbox.run(&args).code(1).error_code(), "permission_denied");
}
