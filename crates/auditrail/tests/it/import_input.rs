//! `import`: bad input of every kind gets one clear message, the right exit code, and nothing
//! half-written.

use std::io::Write;
use std::process::{Child, Stdio};

use auditrail_testkit::TestDb;
use serde_json::Value;

use crate::import::{counts, gzip, line, lines};
use crate::program::Desk;

#[tokio::test]
async fn lines_that_cannot_be_records_are_told_and_do_not_stop_the_rest() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
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
    desk.file("bad.ndjson", file);
    let args = ["import", "--format", "ndjson", "--json", "--rejects", "r.ndjson", "bad.ndjson"];
    let run = desk.run(&args).code(1);
    assert_eq!(counts(&run.json()), (2, 0, cases.len() as u64));
    assert_eq!(run.error_code(), "lines_rejected");
    let rejects = std::fs::read_to_string(desk.path("r.ndjson")).unwrap();
    for (n, ((_, reason), row)) in cases.iter().zip(rejects.lines()).enumerate() {
        let row: Value = serde_json::from_str(row).unwrap();
        assert_eq!(row["line"], n + 2);
        let told = row["reason"].as_str().unwrap();
        assert!(told.contains(reason), "line {}: {told}", n + 2);
        assert!(run.err.contains(&format!("bad.ndjson:{}: {told}", n + 2)), "{run:?}");
    }
}

#[tokio::test]
async fn the_first_twenty_are_shown_and_all_are_counted() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    desk.file("bad.ndjson", "no\n".repeat(12_345));
    let run = desk.run(&["import", "--format", "ndjson", "bad.ndjson"]).code(1);
    let run = run.says("12325 more rejected").says("12345 lines rejected");
    assert_eq!(run.err.matches("not JSON").count(), 20);
}

#[tokio::test]
async fn a_strict_import_stops_at_the_first_bad_line_and_keeps_the_chunks_before_it() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    desk.file("bad.ndjson", lines(0..5_500) + "no\n" + &lines(5_500..20_000));
    let args = ["import", "--format", "ndjson", "--strict", "--json", "bad.ndjson"];
    let run = desk.run(&args).code(1).says("bad.ndjson:5501: not JSON");
    assert_eq!(counts(&run.json()), (5_000, 0, 1));
    desk.file("bad.ndjson", lines(0..5_500) + &lines(5_500..6_000));
    let run = desk.run(&args).code(0);
    assert_eq!(counts(&run.json()), (1_000, 5_000, 0));
}

#[tokio::test]
async fn a_broken_or_truncated_gzip_keeps_whole_chunks_and_can_be_mended() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    // Ids that do not compress, so that the break is where half of the records are.
    let text: String = (0..20_000_u64)
        .map(|n| {
            let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            line(n).replace("\"u1\"", &format!("\"u{id:x}\""))
        })
        .collect();
    let whole = gzip(text);
    let args = ["import", "--format", "ndjson", "--json", "a.ndjson.gz"];
    desk.file("a.ndjson.gz", &whole[..whole.len() / 2]);
    let run = desk.run(&args).code(1).says("cannot read all of a.ndjson.gz: ");
    let run = run.says("is truncated");
    assert_eq!(run.error_code(), "file_broken");
    let (created, duplicates, rejected) = counts(&run.json());
    assert_eq!((created % 5_000, duplicates, rejected), (0, 0, 0));
    assert!((5_000..15_000).contains(&created), "{created}");

    let mut broken = whole.clone();
    let middle = broken.len() / 2;
    broken[middle..middle + 64].fill(0xff);
    desk.file("a.ndjson.gz", &broken);
    desk.run(&args).code(1).says("the compressed data is corrupt");

    desk.file("a.ndjson.gz", &whole);
    let run = desk.run(&args).code(0);
    let (more, again, _) = counts(&run.json());
    assert_eq!(more + again, 20_000);
    assert!(again >= created);
}

/// The most memory a running process has had, in KiB.
fn peak_kib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Records as large as they can be, many times the memory they may take.
#[tokio::test]
async fn memory_stays_small_whatever_the_file_holds() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    let mut command = desk.command(&["import", "--format", "ndjson", "--json", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let large = format!("{{\"metadata\":{{\"a\":\"{}\"}},", "x".repeat(60_000));
    for n in 0..2_500 {
        stdin.write_all(line(n).replacen('{', &large, 1).as_bytes()).unwrap();
    }
    assert!(peak_kib(&child) < 64 * 1_024, "{} KiB", peak_kib(&child));
    drop(stdin);
    let run: crate::program::Run = child.wait_with_output().unwrap().into();
    assert_eq!(counts(&run.code(0).json()), (2_500, 0, 0));
}

#[tokio::test]
async fn a_line_of_a_hundred_megabytes_is_skipped_in_little_memory() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    let mut command = desk.command(&["import", "--format", "ndjson", "--json", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let block = vec![b'x'; 1_000_000];
    stdin.write_all(line(1).as_bytes()).unwrap();
    for _ in 0..100 {
        stdin.write_all(&block).unwrap();
    }
    // The program has read all but what is in the pipe, and waits for more.
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 64 * 1_024, "{kib} KiB");
    stdin.write_all(b"\n").unwrap();
    stdin.write_all(line(2).as_bytes()).unwrap();
    drop(stdin);
    let run: crate::program::Run = child.wait_with_output().unwrap().into();
    let run = run.code(1).says("-:2: the record has 100000000 bytes");
    assert_eq!(counts(&run.json()), (2, 0, 1));
}

#[tokio::test]
async fn files_that_cannot_be_read_are_told_before_anything_is_written() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    desk.file("good.ndjson", line(1));
    let import = |file: &str| desk.run(&["import", "--format", "ndjson", "good.ndjson", file]);
    import("none.ndjson").code(1).says("cannot read none.ndjson");
    import(".").code(1).says("is a directory");
    assert_eq!(desk.run(&["query", "--json"]).rows().len(), 0);
    desk.run(&["import", "--format", "ndjson", "-", "-"]).code(2).says("only once");
    desk.run(&["import", "--format", "xml", "x"]).code(2);
    desk.run(&["import", "--format", "ndjson"]).code(2);
}

#[tokio::test]
async fn an_empty_file_is_told_and_is_no_failure() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    desk.file("empty", "");
    desk.file("blank", "\n \n");
    desk.file("empty.gz", gzip(""));
    let run = desk.run(&["import", "--format", "ndjson", "empty", "blank", "empty.gz"]).code(0);
    run.says("empty contains no records")
        .says("blank contains no records")
        .says("empty.gz contains no records");
}

#[tokio::test]
async fn a_cloudtrail_document_that_is_cut_off_keeps_nothing_of_its_chunk() {
    let db = TestDb::migrated().await;
    let desk = Desk::with(&db.url(&db.app()));
    desk.file("cut.json", "{\"Records\":[{\"eventName\":\"X\"},{\"eventN");
    let run = desk.run(&["import", "--format", "cloudtrail", "cut.json"]).code(1);
    run.says("cut.json:1 (record 1): userIdentity: is missing")
        .says("unexpected end of file inside a JSON document");
}

#[tokio::test]
async fn a_schema_that_is_not_there_or_a_right_that_is_missing_stops_the_import() {
    let db = TestDb::empty().await;
    let desk = Desk::with(&db.url(&db.owner()));
    desk.file("a.ndjson", lines(0..3));
    let args = ["import", "--format", "ndjson", "--json", "a.ndjson"];
    let run = desk.run(&args).code(3);
    assert_eq!(run.error_code(), "not_migrated");
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let revoke = "revoke insert on control_plane.audit_logs from auditrail_app";
    sqlx::raw_sql(revoke).execute(&mut admin).await.unwrap();
    let desk = Desk::with(&db.url(&db.app()));
    desk.file("a.ndjson", lines(0..3));
    assert_eq!(desk.run(&args).code(1).error_code(), "permission_denied");
}
