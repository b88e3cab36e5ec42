//! `query`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use auditrail_testkit::TestDb;
use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// Imports ten records, an hour apart; number 9 is the newest.
fn ten(sandbox: &Sandbox) {
    let lines: String = (0..10)
        .map(|n| {
            let record = json!({
                "actor_type": if n % 2 == 0 { "user" } else { "api_key" },
                "actor_id": format!("a{}", n % 3),
                "action": if n < 5 { "project.created" } else { "key.rotated" },
                "target_type": "project",
                "target_id": format!("p{n}"),
                "metadata": {"n": n, "reason": "unpaid"},
                "ip_address": format!("203.0.113.{n}"),
                "tenant_id": if n == 7 { Some("t7") } else { None },
                "created_at": format!("2026-01-01T{n:02}:00:00Z"),
            });
            format!("{record}\n")
        })
        .collect();
    let run = sandbox.run_with_input(&["import", "--format", "ndjson", "-"], lines.as_bytes());
    run.code(0);
}

fn targets(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["target_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn order_asc_lists_the_oldest_first_and_the_next_command_keeps_it() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    ten(&sandbox);
    let first = sandbox.run(&["query", "--order", "asc", "--limit", "6", "--json"]);
    let first = first.code(0);
    assert_eq!(targets(&first.rows()), ["p0", "p1", "p2", "p3", "p4", "p5"]);
    let note: Value = serde_json::from_str(&first.err).unwrap();
    let next = note["next"].as_str().unwrap().to_owned();
    assert!(next.contains(" --order asc "), "{next}");
    let args: Vec<&str> = next.split(' ').skip(1).chain(["--json"]).collect();
    assert_eq!(targets(&sandbox.run(&args).code(0).rows()), ["p6", "p7", "p8", "p9"]);
}

#[tokio::test]
async fn filters_select_records_newest_first() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    ten(&sandbox);
    for (filters, expected) in [
        (&["--actor", "user:a0"][..], &["p6", "p0"][..]),
        (&["--actor-id", "a0"], &["p9", "p6", "p3", "p0"]),
        (&["--actor-type", "api_key", "--action", "project.*"], &["p3", "p1"]),
        (&["--action", "key.rotated", "--until", "2026-01-01T06:00:00Z"], &["p5"]),
        (&["--target", "project:p4"], &["p4"]),
        (&["--target-type", "project", "--target-id", "p4"], &["p4"]),
        (&["--tenant", "t7"], &["p7"]),
        (&["--ip", "203.0.113.8/31"], &["p9", "p8"]),
        (&["--metadata", "n=2", "--metadata", "reason=unpaid"], &["p2"]),
        (&["--metadata.n=2", "--metadata.reason", "unpaid"], &["p2"]),
        (&["--tenant-id", "t7"], &["p7"]),
        (&["--ip-address", "::ffff:203.0.113.8"], &["p8"]),
        (&["--start-date", "2026-01-01T08:00:00Z"], &["p9", "p8"]),
        (&["--end-date", "2026-01-01T01:00:00Z"], &["p0"]),
        (&["--since", "2026-01-01T08:00:00Z"], &["p9", "p8"]),
        (&["--since", "2026-01-02"], &[]),
        (&["--since", "1h"], &[]),
        (&["--q", "actor:user:a0 unpaid"], &["p6", "p0"]),
        (
            &["--q", "-action:key.* -P4 \"reason\\\": \\\"unpaid\" until:2026-01-01T04:00:00Z"],
            &["p3", "p2", "p1", "p0"],
        ),
        (&["--q", "203.0.113.8 UNPAID", "--actor-id", "a2"], &["p8"]),
        (&["--q", "-unpaid"], &[]),
        (&["--q=-unpaid*"], &[]),
    ] {
        let mut args = vec!["query", "--json"];
        args.extend(filters);
        let run = sandbox.run(&args).code(0);
        assert_eq!(targets(&run.rows()), expected, "{filters:?}");
    }
}

#[tokio::test]
async fn next_page_command_is_on_stderr() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    ten(&sandbox);
    let mut args: Vec<String> =
        ["query", "--limit", "4", "--since", "2026-01-01"].map(ToOwned::to_owned).to_vec();
    args.push("--json".to_owned());
    let mut seen = Vec::new();
    loop {
        let run = sandbox.run(&args).code(0);
        seen.extend(targets(&run.rows()).iter().map(|&id| id.to_owned()));
        let Some(line) = run.err.lines().next() else {
            break;
        };
        let page: Value = serde_json::from_str(line).unwrap();
        assert_eq!(page["pagination"]["has_more"], true);
        let next = page["next"].as_str().unwrap().strip_prefix("auditrail ").unwrap();
        args = next.split(' ').map(ToOwned::to_owned).collect();
        args.push("--json".to_owned());
    }
    let all: Vec<String> = (0..10).rev().map(|n| format!("p{n}")).collect();
    assert_eq!(seen, all);

    let run = sandbox
        .run(&["query", "--limit", "4"])
        .code(0)
        .stderr_has("next page: auditrail query --limit 4");
    let cursor = run.err.trim().rsplit(' ').next().unwrap();
    let other = sandbox.run(&["query", "--actor-id", "a0", "--cursor", cursor]).code(2);
    other.stderr_has("--cursor: ");
}

#[tokio::test]
async fn errors_of_an_expression_have_their_position() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let run = sandbox.run(&["query", "--q", "unpaid acter:ana"]).code(2);
    run.stderr_has("--q:8: is not a key; the nearest is \"actor\"");
}

/// Each record takes some milliseconds to judge: a long text, in which all words but the last occur.
#[tokio::test]
async fn a_search_for_words_says_how_far_it_came_and_goes_on() {
    // More text than any machine reads in the two seconds of a search.
    let db = TestDb::migrated().await;
    db.as_owner(
        "insert into control_plane.audit_logs (id, actor_id, actor_type, action, target_type, target_id, metadata, created_at)
         select md5(n::text)::uuid, 'ana', 'user', 'note.made', 'note', 'n' || n,
                jsonb_build_object('text', repeat('lorem ipsum dolor sit amet ', 2200) || 'a b c d e f g h',
                                   'found', case n when 1 then 'needle' end),
                timestamptz '2026-01-01Z' + n * interval '15 seconds'
           from generate_series(1, 5000) n",
    )
    .await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let search = ["query", "--q", "a b c d e f g h needle", "--json"];
    let mut args: Vec<String> = search.map(ToOwned::to_owned).to_vec();
    let (mut stops, mut found) = (Vec::new(), Vec::new());
    loop {
        let run = sandbox.run(&args).code(0);
        found.extend(targets(&run.rows()).iter().map(|&id| id.to_owned()));
        let Some(line) = run.err.lines().next() else { break };
        let page: Value = serde_json::from_str(line).unwrap();
        stops.push(page["pagination"]["searched_back_to"].as_str().unwrap().to_owned());
        let cursor = page["pagination"]["next_cursor"].as_str().unwrap();
        args = search.map(ToOwned::to_owned).to_vec();
        args.extend(["--cursor".to_owned(), cursor.to_owned()]);
    }
    assert_eq!(found, ["n1"]);
    assert!(!stops.is_empty() && stops.is_sorted_by(|one, two| one > two), "{stops:?}");

    let people = sandbox.run(&["query", "--q", "a b c d e f g h needle"]).code(0);
    people
        .stderr_has("no matching records after 2026-01-01T")
        .stderr_has("searched back to 2026-01-01T")
        .stderr_has(
            "go on with: auditrail query --q 'a b c d e f g h needle' --limit 100 --cursor ",
        );
    let counted = sandbox.run(&["stats", "--q", "a b c d e f g h", "--json"]).code(0).json();
    assert_eq!(counted["truncated"], true);
    assert!(
        counted["since"].is_string() && counted["total"].as_u64().unwrap() < 5_000,
        "{counted}"
    );
}

#[tokio::test]
async fn count_is_optional() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    ten(&sandbox);
    let run = sandbox.run(&["query", "--limit", "1", "--count", "exact", "--actor-id", "a0"]);
    run.code(0).stderr_has("4 matching records in total");
    let run = sandbox.run(&["query", "--limit", "1", "--count", "exact", "--json"]).code(0);
    let page: Value = serde_json::from_str(run.err.trim()).unwrap();
    assert_eq!(page["pagination"]["total"], 10);
    sandbox.run(&["query", "--count", "estimated"]).code(0).stderr_has("matching records in total");
}

#[test]
fn invalid_filters_are_reported_by_flag() {
    let run = Sandbox::bare().run(&[
        "query",
        "--ip",
        "x",
        "--since",
        "soon",
        "--limit",
        "0",
        "--metadata",
        "a=1",
        "--action",
        "*",
    ]);
    let run = run.code(2);
    for flag in ["--ip", "--since", "--limit", "--action"] {
        assert!(run.err.contains(&format!("\n  {flag}: ")), "no {flag} in {run:?}");
    }
    Sandbox::bare()
        .run(&["query", "--metadata", "a"])
        .code(2)
        .stderr_has("--metadata: must be KEY=VALUE");
    Sandbox::bare()
        .run(&["query", "--since", "2026-02-01", "--until", "2026-01-01"])
        .code(2)
        .stderr_has("--until: must be after --since");
    Sandbox::bare()
        .run(&["query", "--actor", "user:a", "--actor-id", "b"])
        .code(2)
        .stderr_has("--actor-id: is a part of --actor");
    for (flags, error) in [
        (["--since", "1d", "--start-date", "2d"], "--start-date: is the same filter as --since"),
        (["--tenant", "a", "--tenant-id", "b"], "--tenant: is the same filter as --tenant-id"),
        (["--ip", "::1", "--ip-address", "::1"], "--ip: is the same filter as --ip-address"),
    ] {
        Sandbox::bare().run(&[&["query"], &flags[..]].concat()).code(2).stderr_has(error);
    }
}

/// Direct SQL can insert values that Auditrail rejects.
#[tokio::test]
async fn control_characters_are_escaped() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let insert = "insert into control_plane.audit_logs
                      (actor_id, actor_type, action, target_type, target_id, user_agent, metadata)
                  values (E'u\\x1b[31m', 'user', E'a.b\\r', 't', E'x\\u009b2J', E'\\u202eevil',
                      jsonb_build_object('k', E'\\x1b]0;owned\\x07', 'c', E'\\u009b'))";
    sqlx::raw_sql(insert).execute(&mut admin).await.unwrap();
    let sandbox = Sandbox::with(&db.url(&db.app()));
    for args in [&["query"][..], &["query", "--json"], &["export", "--format", "ndjson"]] {
        let run = sandbox.run(args).code(0);
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!run.out.contains(bad), "{args:?}: {:?}", run.out);
    }
    let row = &sandbox.run(&["query", "--json"]).rows()[0];
    assert_eq!(row["target_id"], "x\u{9b}2J");
}

#[tokio::test]
async fn closed_pipe_exits_with_141() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    let insert = "insert into control_plane.audit_logs
                      (actor_id, actor_type, action, target_type, target_id)
                  select 'u', 'user', 'a.b', 't', repeat('x', 400) from generate_series(1, 2000)";
    sqlx::raw_sql(insert).execute(&mut admin).await.unwrap();
    let sandbox = Sandbox::with(&db.url(&db.app()));
    for args in [
        &["export", "--format", "csv"][..],
        &["export", "--format", "ndjson"],
        &["query", "--json", "--limit", "1000"],
        &["query", "--limit", "1000"],
    ] {
        let mut command = sandbox.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut first = String::new();
        let mut out = BufReader::with_capacity(64, child.stdout.take().unwrap());
        out.read_line(&mut first).unwrap();
        drop(out);
        let run: crate::sandbox::Run = child.wait_with_output().unwrap().into();
        assert_eq!((run.code, run.err.as_str()), (Some(141), ""), "{args:?}");
    }
}

#[tokio::test]
async fn colours_require_a_terminal_or_a_flag() {
    let db = TestDb::empty().await;
    let sandbox = Sandbox::with(&db.url(&db.owner()));
    let run = sandbox.run(&["migrate", "status"]).code(0);
    assert!(!run.out.contains('\u{1b}'), "{run:?}");
    sandbox.run(&["migrate", "status", "--color", "always"]).code(0).stdout_has("\u{1b}[");
}

#[tokio::test]
async fn a_date_as_end_is_explained() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let run = sandbox.run(&["query", "--until", "2026-01-31"]).code(0);
    run.stderr_has("2026-01-31 itself is left out; --until 2026-02-01 includes it");
    let same_day = ["query", "--since", "2026-01-31", "--until", "2026-01-31"];
    sandbox.run(&same_day).code(2).stderr_has("a day ends at the next date");
    for args in [&["query", "--until", "2026-01-31", "--quiet"][..], &["query", "--until", "1h"]] {
        let run = sandbox.run(args).code(0);
        assert!(!run.err.contains("left out"), "{run:?}");
    }
}

#[tokio::test]
async fn invisible_characters_are_escaped() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let log = ["log", "--action", "a.b", "--target", "t:x", "--actor", "user:adm\u{200b}in"];
    sandbox.run(&log).code(0).stdout_has("user:adm\\u{200b}in");
    for form in [&["query"][..], &["query", "--long"], &["query", "--json"], &["stats"]] {
        let run = sandbox.run(form).code(0);
        assert!(!run.out.contains('\u{200b}'), "{form:?}: {run:?}");
    }
}
