//! `import`: forms and encodings of the input, directories and lists of files.

use std::fmt::Write as _;

use auditrail_testkit::TestDb;
use serde_json::{Value, json};

use crate::import::{counts, gzip, line, lines};
use crate::sandbox::{Run, Sandbox};

const MARK: &str = "\u{feff}";

fn event(n: u8) -> Value {
    json!({
        "userIdentity": {"type": "IAMUser", "userName": "ann"},
        "eventTime": "2026-01-01T00:00:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser",
        "eventID": format!("01890a5d-ac96-774b-bcce-b302099a80{n:02}"),
    })
}

fn cloudtrail(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.run(&[&["import", "--format", "cloudtrail", "--json"], args].concat())
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// Every form of a CloudTrail input, with two events.
fn layouts() -> Vec<(&'static str, String)> {
    let (a, b) = (event(0), event(1));
    let pretty = |value: Value| serde_json::to_string_pretty(&value).unwrap();
    let entry =
        |event: &Value| json!({"EventId": event["eventID"], "CloudTrailEvent": event.to_string()});
    let bridge =
        |event: &Value| json!({"detail-type": "AWS API Call via CloudTrail", "detail": event});
    let message = |event: &Value| json!({"id": "1", "timestamp": 1, "message": event.to_string()});
    vec![
        ("records", json!({"Records": [a, b]}).to_string()),
        ("pretty records", pretty(json!({"Records": [a, b]}))),
        ("lines", format!("{a}\n{b}\n")),
        ("pretty events", pretty(a.clone()) + &pretty(b.clone())),
        ("concatenated", format!("{a}{b}")),
        ("separated by a tab", format!("{a}\t{b}\n")),
        ("several on the second line", format!("{b}\n{a}\t{b}\n")),
        ("pretty after a line", format!("{a}\n{}\n{b}\n", pretty(json!({"Records": [b]})))),
        ("array", json!([a, b]).to_string()),
        ("pretty array", pretty(json!([a, b]))),
        ("array on a line after an event", format!("{a}\n[{b}]\n")),
        ("lookup-events", pretty(json!({"Events": [entry(&a), entry(&b)]}))),
        ("lookup-events on a line", json!({"Events": [entry(&a), entry(&b)]}).to_string()),
        ("array of strings", pretty(json!([a.to_string(), b.to_string()]))),
        ("strings on lines", format!("{}\n{}\n", json!(a.to_string()), json!(b.to_string()))),
        ("EventBridge", format!("{}\n{}\n", bridge(&a), bridge(&b))),
        ("pretty EventBridge", pretty(json!([bridge(&a), bridge(&b)]))),
        ("CloudWatch Logs", json!({"logEvents": [message(&a), message(&b)]}).to_string()),
        ("filter-log-events", pretty(json!({"events": [message(&a), message(&b)]}))),
    ]
}

#[tokio::test]
async fn cloudtrail_layouts_are_equal_in_every_encoding() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let mut created = 2;
    for (name, text) in layouts() {
        let marked = format!("{MARK}{text}");
        let encodings = [
            ("utf8", text.clone().into_bytes()),
            ("marked", marked.clone().into_bytes()),
            ("marked.gz", gzip(&marked)),
            ("gz.gz", gzip(gzip(&text))),
            ("marked.utf16", utf16(&marked)),
            ("utf16", utf16(&text)),
            ("utf16.gz", gzip(utf16(&marked))),
        ];
        let files = encodings.each_ref().map(|(file, _)| *file);
        for (file, bytes) in encodings {
            sandbox.file(file, bytes);
        }
        let run = cloudtrail(&sandbox, &files);
        assert_eq!(run.code, Some(0), "{name}: {run:?}");
        assert!(!run.err.contains("no records"), "{name}: {run:?}");
        let (new, present, rejected) = counts(&run.json());
        assert_eq!((new, rejected), (created, 0), "{name}");
        // Each encoding has the same number of events; some layouts repeat one.
        let events = new + present;
        assert!(events.is_multiple_of(7) && events >= 14, "{name}: {events}");
        created = 0;
    }
}

#[tokio::test]
async fn marks_inside_of_an_input_are_skipped() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("a.ndjson", format!("{MARK}{}{MARK}{}", line(1), line(2)));
    sandbox.file("list", format!("{MARK}a.ndjson\n"));
    let args = ["import", "--format", "ndjson", "--json", "--files-from", "list"];
    assert_eq!(counts(&sandbox.run(&args).code(0).json()), (2, 0, 0));
    let documents = json!({"Records": [event(0)]}).to_string();
    let more = json!({"Records": [event(1)]}).to_string();
    sandbox.file("b.json", format!("{MARK}{documents}{MARK}{more}\n{MARK}"));
    assert_eq!(counts(&cloudtrail(&sandbox, &["b.json"]).code(0).json()), (2, 0, 0));
    sandbox.file("c.json", format!("{MARK}{}\n{MARK}{}\n", event(2), documents));
    assert_eq!(counts(&cloudtrail(&sandbox, &["c.json"]).code(0).json()), (1, 1, 0));
}

#[test]
fn archives_are_named_in_the_error() {
    let sandbox = Sandbox::with("postgres://absent@127.0.0.1:1/nowhere");
    let mut tar = vec![b'a'; 600];
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, message) in [
        (b"PK\x03\x04\x14\x00\x00".to_vec(), "this is a zip archive; unpack it"),
        (b"BZh91AY&SY".to_vec(), "this is bzip2-compressed"),
        (b"\xfd7zXZ\x00\x00\x04".to_vec(), "this is xz-compressed"),
        (b"\x28\xb5\x2f\xfd\x04".to_vec(), "this is zstd-compressed"),
        (b"7z\xbc\xaf\x27\x1c\x00".to_vec(), "this is a 7z archive"),
        (gzip(&tar), "this is a tar archive"),
        (b"\xff\xfe\x00\x00{\x00\x00\x00".to_vec(), "this is UTF-32 text"),
    ] {
        sandbox.file("a", &bytes);
        for format in ["ndjson", "cloudtrail"] {
            let args = ["import", "--format", format, "--dry-run", "a"];
            let run = sandbox.run(&args).code(1).stderr_has(message);
            assert!(!run.err.contains("not valid UTF-8"), "{run:?}");
            let piped = ["import", "--format", format, "--dry-run", "-"];
            sandbox.run_with_input(&piped, &bytes).code(1).stderr_has(message);
        }
    }
}

#[tokio::test]
async fn directories_and_lists_are_imported() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let mut list = Vec::new();
    for n in 0..6_u8 {
        let name = format!("AWSLogs/1/CloudTrail/eu-west-1/2026/01/0{n}/a {n}.json.gz");
        sandbox.file(&name, gzip(json!({"Records": [event(n)]}).to_string()));
        list.push(name);
    }
    sandbox.file("AWSLogs/1/.DS_Store", "no");
    let digest = json!({
        "awsAccountId": "1", "digestStartTime": "2026-01-01T00:00:00Z",
        "digestS3Bucket": "b", "logFiles": [{"hashValue": "0a".repeat(900_000)}],
    });
    sandbox.file("AWSLogs/1/CloudTrail-Digest/2026/d.json.gz", gzip(digest.to_string()));
    cloudtrail(&sandbox, &["AWSLogs"]).code(1).stderr_has("--recursive imports the files in it");
    let run = cloudtrail(&sandbox, &["--recursive", "AWSLogs"]).code(0);
    let run = run.stderr_has("d.json.gz is a CloudTrail digest file, which has no records");
    assert_eq!(counts(&run.stderr_has("1 hidden or special file").json()), (6, 0, 0));
    let args = ["import", "--format", "cloudtrail", "--json", "--files-from", "-"];
    for list in [list.join("\n"), list.join("\0"), list.join("\r\n") + "\r\n"] {
        let run = sandbox.run_with_input(&args, list.as_bytes()).code(0);
        assert_eq!(counts(&run.json()), (0, 6, 0));
    }
    sandbox.run_with_input(&args, b"none.json\n").code(1).stderr_has("cannot read none.json");
    let run = sandbox.run(&[&args[..], &["-"]].concat());
    run.code(2).stderr_has("only once");
    sandbox.run_with_input(&args, b"").code(0).stderr_has("the list of files is empty");
}

#[tokio::test]
async fn a_cut_first_line_does_not_hide_the_others() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let mut text = String::from("{\"eventName\":\"X\",\"userIdentity\":{\n");
    for n in 0..3 {
        writeln!(text, "{}", event(n)).unwrap();
    }
    sandbox.file("a.ndjson", text);
    let run = cloudtrail(&sandbox, &["a.ndjson"]).code(1);
    assert_eq!(counts(&run.json()), (3, 0, 1));
}

#[tokio::test]
async fn times_of_other_products_are_read() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let at = |time: &str| line(1).replace("\"2026-01-01T00:00:00Z\"", time);
    let times = [
        "\"2026-01-01T00:00:00+0000\"",
        "1767225600000",
        "\"2026-01-01 00:00:00 UTC\"",
        "\"2026-01-01 00:00:00.000 UTC\"",
    ];
    sandbox.file("a.ndjson", times.map(at).concat() + &lines(2..4));
    let args = ["import", "--format", "ndjson", "--json", "a.ndjson"];
    let run = sandbox.run(&args).code(0);
    assert_eq!((counts(&run.json()), &run.json()["without_time"]), ((6, 0, 0), &json!(0)));
    let rows = sandbox.run(&["query", "--json"]).rows();
    assert!(rows.iter().all(|row| row["created_at"] == "2026-01-01T00:00:00.000000Z"), "{rows:?}");
}
