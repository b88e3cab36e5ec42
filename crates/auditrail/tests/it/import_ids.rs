//! `import` of lines without an id: neither duplicated nor merged.

use auditrail_testkit::TestDb;

use crate::import::{counts, gzip, line, lines};
use crate::sandbox::{Run, Sandbox};

fn import(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.run(&[&["import", "--format", "ndjson", "--json"], args].concat())
}

#[tokio::test]
async fn equal_lines_of_two_folders_are_separate() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("n1/audit.ndjson", line(1));
    sandbox.file("n2/audit.ndjson", line(1));
    let both = ["n1/audit.ndjson", "n2/audit.ndjson"];
    let run = import(&sandbox, &both).code(0).stderr_has("has the same lines without an id");
    assert_eq!(counts(&run.json()), (2, 0, 0));
    let run = import(&sandbox, &[both[1], both[0]]).code(0);
    assert_eq!(counts(&run.json()), (0, 2, 0));
}

#[tokio::test]
async fn removing_an_invalid_line_duplicates_nothing() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let twice = line(1) + &lines(0..5) + &line(1);
    sandbox.file("mixed.ndjson", format!("garbage\n{twice}"));
    let run = import(&sandbox, &["mixed.ndjson"]).code(1).stderr_has("not written twice");
    assert_eq!(counts(&run.json()), (7, 0, 1));
    sandbox.file("mixed.ndjson", &twice);
    assert_eq!(counts(&import(&sandbox, &["mixed.ndjson"]).code(0).json()), (0, 7, 0));
    sandbox.file("mixed.ndjson", line(9) + &twice);
    assert_eq!(counts(&import(&sandbox, &["mixed.ndjson"]).code(0).json()), (1, 7, 0));
}

#[tokio::test]
async fn ids_depend_on_neither_name_nor_form() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let text = lines(0..4) + &line(1);
    sandbox.file("a.ndjson", &text);
    assert_eq!(counts(&import(&sandbox, &["a.ndjson"]).code(0).json()), (5, 0, 0));
    sandbox.file("renamed.ndjson", &text);
    sandbox.file("a.ndjson.gz", gzip(&text));
    sandbox.file("crlf.ndjson", text.replace('\n', "\r\n\r\n").replace("\":", "\" : "));
    sandbox.file("part1.ndjson", lines(0..2));
    sandbox.file("part2.ndjson", lines(2..4) + &line(1));
    sandbox.file("bom.ndjson", format!("\u{feff}{text}"));
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    sandbox.file("utf16.ndjson", utf16);
    for files in [
        &["renamed.ndjson"][..],
        &["a.ndjson.gz"],
        &["crlf.ndjson"],
        &["part2.ndjson", "part1.ndjson"],
        &["bom.ndjson"],
        &["utf16.ndjson"],
    ] {
        let run = import(&sandbox, files).code(0);
        assert_eq!(counts(&run.json()), (0, 5, 0), "{files:?}");
    }
    let args = ["import", "--format", "ndjson", "--json", "-"];
    let run = sandbox.run_with_input(&args, text.as_bytes()).code(0);
    assert_eq!(counts(&run.json()), (0, 5, 0));
}

#[tokio::test]
async fn equal_lines_of_a_later_import_need_a_source() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("n1/audit.ndjson", line(1));
    sandbox.file("n2/audit.ndjson", line(1));
    assert_eq!(counts(&import(&sandbox, &["n1/audit.ndjson"]).code(0).json()), (1, 0, 0));
    let run = import(&sandbox, &["n2/audit.ndjson"]).code(0).stderr_has("--source NAME");
    assert_eq!(counts(&run.json()), (0, 1, 0));
    let args = ["--source", "n2", "n2/audit.ndjson"];
    assert_eq!(counts(&import(&sandbox, &args).code(0).json()), (1, 0, 0));
    assert_eq!(counts(&import(&sandbox, &args).code(0).json()), (0, 1, 0));
    import(&sandbox, &["--source", "", "n2/audit.ndjson"]).code(2).stderr_has("--source");
}

#[tokio::test]
async fn a_file_named_twice_is_read_once() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let path = sandbox.file("a/b.ndjson", lines(0..2));
    std::os::unix::fs::symlink(&path, sandbox.path("link.ndjson")).unwrap();
    std::fs::hard_link(&path, sandbox.path("hard.ndjson")).unwrap();
    let args = ["-r", "a", "a/b.ndjson", "./a/../a/b.ndjson", "link.ndjson", "hard.ndjson"];
    let run = import(&sandbox, &args).code(0).stderr_has("link.ndjson is in the list of files");
    assert_eq!(counts(&run.json()), (2, 0, 0));
}

#[tokio::test]
async fn one_line_for_two_tenants_is_a_conflict() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.file("a.ndjson", line(1));
    import(&sandbox, &["--tenant", "t1", "a.ndjson"]).code(0);
    let run = import(&sandbox, &["--tenant", "t2", "a.ndjson"]).code(1);
    let run = run.stderr_has("imported before with different content");
    assert_eq!(counts(&run.json()), (0, 0, 1));
    let run = import(&sandbox, &["--tenant", "t2", "--source", "t2", "a.ndjson"]).code(0);
    assert_eq!(counts(&run.json()), (1, 0, 0));
}
