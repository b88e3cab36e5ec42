//! Where settings come from, and which wins.

use auditrail_testkit::TestDb;

use crate::program::Desk;

/// Nothing listens there.
const NOWHERE: &str = "postgres://someone:hunter2@127.0.0.1:1/nowhere";

#[tokio::test]
async fn the_flag_wins_over_the_environment_and_that_over_the_files() {
    let db = TestDb::migrated().await;
    let url = db.url(&db.app());
    let query = ["query"];
    let toml = |url: &str| format!("database_url = \"{url}\"\n");

    let desk = Desk::with(NOWHERE);
    desk.run(&["query", "--database-url", &url]).code(0);

    let desk = Desk::with(&url);
    desk.file(".env", format!("DATABASE_URL={NOWHERE}\n"));
    desk.file("auditrail.toml", toml(NOWHERE));
    desk.run(&query).code(0);

    let desk = Desk::bare();
    desk.file(".env", format!("# comment\nDATABASE_URL='{url}'\n"));
    desk.file("auditrail.toml", toml(NOWHERE));
    desk.run(&query).code(0);

    let desk = Desk::bare();
    desk.file("auditrail.toml", toml(&url));
    desk.run(&query).code(0);

    let desk = Desk::bare().set("AUDITRAIL_CONFIG", "other.toml");
    desk.file("auditrail.toml", toml(NOWHERE));
    desk.file("other.toml", toml(&url));
    desk.run(&query).code(0);
}

#[tokio::test]
async fn secrets_are_read_from_files_without_their_last_newline() {
    let db = TestDb::migrated().await;
    let url = db.url(&db.app());
    let desk = Desk::bare().set("DATABASE_URL_FILE", "url.txt");
    desk.file("url.txt", format!("{url}\n"));
    desk.run(&["query"]).code(0);
    let both = Desk::with(&url).set("DATABASE_URL_FILE", "url.txt");
    both.run(&["query"]).code(2).says("DATABASE_URL and DATABASE_URL_FILE are mutually exclusive");
    Desk::bare()
        .set("DATABASE_URL_FILE", "missing.txt")
        .run(&["query"])
        .code(2)
        .says("missing.txt (DATABASE_URL_FILE)");
}

#[test]
fn unknown_and_malformed_settings_are_refused_by_name_and_line() {
    let desk = Desk::bare();
    desk.file("auditrail.toml", "data_dir = \"x\"\ndatabse_url = \"y\"\n");
    desk.run(&["query"]).code(2).says("auditrail.toml:2: unknown field `databse_url`");
    desk.file("auditrail.toml", "data_dir =\n");
    desk.run(&["query"]).code(2).says("auditrail.toml:1: ");
    desk.run(&["query", "--config", "none.toml"]).code(2).says("none.toml");

    let desk = Desk::bare();
    desk.file(".env", "A=1\nDATABASE_URL='hunter2\n");
    let run = desk.run(&["query"]).code(2).says(".env:2: ");
    assert!(!run.err.contains("hunter2"), "{run:?}");

    let run = Desk::bare().set("AUDITRAIL_LOCK_TIMEOUT", "soon").run(&["query"]);
    run.code(2).says("AUDITRAIL_LOCK_TIMEOUT is not a duration");
}

#[test]
fn passwords_are_never_shown() {
    for url in [NOWHERE, "mysql://u:hunter2@h/x", "postgres://u:hunter2@[/x", "u:hunter2"] {
        let run = Desk::with(url).run(&["query"]);
        assert!(matches!(run.code, Some(2 | 6)), "{run:?}");
        assert!(!run.err.contains("hunter2"), "{run:?}");
        let run = Desk::with(url).run(&["--json", "migrate"]);
        assert!(matches!(run.code, Some(2 | 6)), "{run:?}");
        assert!(!run.err.contains("hunter2"), "{run:?}");
    }
}

#[test]
fn an_unreachable_database_ends_with_6_and_a_hint() {
    let desk = Desk::with(NOWHERE);
    for command in [&["query"][..], &["migrate"], &["migrate", "status"], &["migrate", "verify"]] {
        let run = desk.run(command).code(6);
        run.says("cannot connect to the database nowhere on 127.0.0.1:1 as someone").says("hint: ");
    }
    let run = desk.run(&["--json", "query"]).code(6);
    assert_eq!(run.error_code(), "database_unreachable");
    assert_eq!(run.out, "");
}

#[tokio::test]
async fn a_database_or_role_that_is_not_there_is_named() {
    let db = TestDb::empty().await;
    let url = db.url(&db.owner()).replace(db.name(), "no_such_database");
    Desk::with(&url)
        .run(&["query"])
        .code(6)
        .says("database \"no_such_database\" does not exist (SQLSTATE 3D000)");
}

#[test]
fn every_setting_is_shown_with_its_source_and_without_secrets() {
    let secret = "c".repeat(40);
    let desk = Desk::with(NOWHERE).set("AUDITRAIL_CURSOR_KEY", &secret);
    desk.file(".env", "AUDITRAIL_WRITE_TIMEOUT=3s\n");
    desk.file("auditrail.toml", "lock_timeout = \"7s\"\n[server]\nrecord_reads = true\n");
    let run = desk.run(&["config", "show", "--json"]).code(0);
    assert!(!run.out.contains("hunter2") && !run.out.contains(&secret), "{run:?}");
    let document = run.json();
    let settings = document["settings"].as_array().unwrap();
    let shown = |key: &str| {
        let found = settings.iter().find(|shown| shown["key"] == key);
        let found = found.unwrap_or_else(|| panic!("no {key} in {settings:?}"));
        (found["value"].as_str().map(str::to_owned), found["source"].as_str().unwrap().to_owned())
    };
    let some = |value: &str, source: &str| (Some(value.to_owned()), source.to_owned());
    let place = "nowhere on 127.0.0.1:1 as someone";
    assert_eq!(shown("database_url"), some(place, "environment"));
    assert_eq!(shown("server.cursor_key"), some("(hidden)", "environment"));
    assert_eq!(shown("server.write_timeout"), some("3s", ".env"));
    assert_eq!(shown("server.record_reads"), some("true", "file"));
    assert_eq!(shown("server.listen"), some("127.0.0.1:8080", "default"));
    assert_eq!(shown("lock_timeout"), some("7s", "file"));
    assert_eq!(shown("pg_bin"), (None, "default".to_owned()));
    // What is shown may be written down as it is, and people see the same.
    desk.run(&["config", "show"]).code(0).prints("server.write_timeout").prints("AUDITRAIL_LISTEN");
}

#[test]
fn a_check_names_what_cannot_be_used_and_what_is_misspelt() {
    let desk = Desk::bare().set("AUDITRAIL_LISTENS", "x");
    let run = desk.run(&["config", "check"]).code(0);
    run.says("unknown setting AUDITRAIL_LISTENS").prints("settings are valid");
    for (line, complaint) in [
        ("listn = \"x\"", "auditrail.toml:2: unknown field `listn`"),
        ("listen = \"x\"", "server.listen is not a socket address"),
        ("record_reads = \"maybe\"", "server.record_reads must be true or false"),
        ("connections_max = 0", "server.connections_max must be a number from 1"),
        ("write_timeout = 5", "server.write_timeout is not a duration"),
        ("log_format = \"xml\"", "server.log_format must be auto, text or json"),
        ("cursor_key = \"short\"", "server.cursor_key must have at least 32 characters"),
    ] {
        desk.file("auditrail.toml", format!("[server]\n{line}\n"));
        desk.run(&["config", "check"]).code(2).says(complaint);
        desk.run(&["serve"]).code(2).says(complaint);
    }
    desk.file("auditrail.toml", "[server]\ncursor_key = \"x\"\ncursor_key_file = \"y\"\n");
    desk.run(&["config", "check"])
        .code(2)
        .says("server.cursor_key and server.cursor_key_file are mutually exclusive");
    // The other commands do not stumble over what only the service needs.
    let query = Desk::with(NOWHERE).set("AUDITRAIL_LISTEN", "x").run(&["query"]);
    query.code(6);
}
