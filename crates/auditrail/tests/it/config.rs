//! Sources of settings and their precedence.

use auditrail_testkit::TestDb;

use crate::sandbox::Sandbox;

/// No server listens at this address.
const NOWHERE: &str = "postgres://someone:hunter2@127.0.0.1:1/nowhere";

#[tokio::test]
async fn flag_then_environment_then_files() {
    let db = TestDb::migrated().await;
    let url = db.url(&db.app());
    let query = ["query"];
    let toml = |url: &str| format!("database_url = \"{url}\"\n");

    let sandbox = Sandbox::with(NOWHERE);
    sandbox.run(&["query", "--database-url", &url]).code(0);

    let sandbox = Sandbox::with(&url);
    sandbox.file(".env", format!("DATABASE_URL={NOWHERE}\n"));
    sandbox.file("auditrail.toml", toml(NOWHERE));
    sandbox.run(&query).code(0);

    let sandbox = Sandbox::bare();
    sandbox.file(".env", format!("# comment\nDATABASE_URL='{url}'\n"));
    sandbox.file("auditrail.toml", toml(NOWHERE));
    sandbox.run(&query).code(0);

    let sandbox = Sandbox::bare();
    sandbox.file("auditrail.toml", toml(&url));
    sandbox.run(&query).code(0);

    let sandbox = Sandbox::bare().set("AUDITRAIL_CONFIG", "other.toml");
    sandbox.file("auditrail.toml", toml(NOWHERE));
    sandbox.file("other.toml", toml(&url));
    sandbox.run(&query).code(0);
}

#[tokio::test]
async fn secret_files_lose_their_trailing_newline() {
    let db = TestDb::migrated().await;
    let url = db.url(&db.app());
    let sandbox = Sandbox::bare().set("DATABASE_URL_FILE", "url.txt");
    sandbox.file("url.txt", format!("{url}\n"));
    sandbox.run(&["query"]).code(0);
    let both = Sandbox::with(&url).set("DATABASE_URL_FILE", "url.txt");
    both.run(&["query"])
        .code(2)
        .stderr_has("DATABASE_URL and DATABASE_URL_FILE are mutually exclusive");
    Sandbox::bare()
        .set("DATABASE_URL_FILE", "missing.txt")
        .run(&["query"])
        .code(2)
        .stderr_has("missing.txt (DATABASE_URL_FILE)");
}

#[test]
fn invalid_settings_are_reported_by_line() {
    let sandbox = Sandbox::bare();
    sandbox.file("auditrail.toml", "data_dir = \"x\"\ndatabse_url = \"y\"\n");
    sandbox.run(&["query"]).code(2).stderr_has("auditrail.toml:2: unknown field `databse_url`");
    sandbox.file("auditrail.toml", "data_dir =\n");
    sandbox.run(&["query"]).code(2).stderr_has("auditrail.toml:1: ");
    sandbox.run(&["query", "--config", "none.toml"]).code(2).stderr_has("none.toml");

    let sandbox = Sandbox::bare();
    sandbox.file(".env", "A=1\nDATABASE_URL='hunter2\n");
    let run = sandbox.run(&["query"]).code(2).stderr_has(".env:2: ");
    assert!(!run.err.contains("hunter2"), "{run:?}");

    let run = Sandbox::bare().set("AUDITRAIL_LOCK_TIMEOUT", "soon").run(&["query"]);
    run.code(2).stderr_has("AUDITRAIL_LOCK_TIMEOUT is not a duration");
}

#[test]
fn passwords_are_never_printed() {
    for url in [NOWHERE, "mysql://u:hunter2@h/x", "postgres://u:hunter2@[/x", "u:hunter2"] {
        let run = Sandbox::with(url).run(&["query"]);
        assert!(matches!(run.code, Some(2 | 6)), "{run:?}");
        assert!(!run.err.contains("hunter2"), "{run:?}");
        let run = Sandbox::with(url).run(&["--json", "migrate"]);
        assert!(matches!(run.code, Some(2 | 6)), "{run:?}");
        assert!(!run.err.contains("hunter2"), "{run:?}");
    }
}

#[test]
fn unreachable_database_exits_with_6() {
    let sandbox = Sandbox::with(NOWHERE);
    for command in [&["query"][..], &["migrate"], &["migrate", "status"], &["migrate", "verify"]] {
        let run = sandbox.run(command).code(6);
        run.stderr_has("cannot connect to the database nowhere on 127.0.0.1:1 as someone")
            .stderr_has("hint: ");
    }
    let run = sandbox.run(&["--json", "query"]).code(6);
    assert_eq!(run.error_code(), "database_unreachable");
    assert_eq!(run.out, "");
}

#[tokio::test]
async fn missing_database_is_reported() {
    let db = TestDb::empty().await;
    let url = db.url(&db.owner()).replace(db.name(), "no_such_database");
    Sandbox::with(&url)
        .run(&["query"])
        .code(6)
        .stderr_has("database \"no_such_database\" does not exist (SQLSTATE 3D000)");
}

#[test]
fn config_show_has_sources_and_no_secrets() {
    let secret = "c".repeat(40);
    let sandbox = Sandbox::with(NOWHERE).set("AUDITRAIL_CURSOR_KEY", &secret);
    sandbox.file(".env", "AUDITRAIL_WRITE_TIMEOUT=3s\n");
    sandbox.file("auditrail.toml", "lock_timeout = \"7s\"\n[server]\nrecord_reads = true\n");
    let run = sandbox.run(&["config", "show", "--json"]).code(0);
    assert!(!run.out.contains("hunter2") && !run.out.contains(&secret), "{run:?}");
    let document = run.json();
    let settings = document["settings"].as_array().unwrap();
    let shown = |key: &str| {
        let setting = settings
            .iter()
            .find(|setting| setting["key"] == key)
            .unwrap_or_else(|| panic!("no {key} in {settings:?}"));
        let value = setting["value"].as_str().map(str::to_owned);
        (value, setting["source"].as_str().unwrap().to_owned())
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
    // The table has the same settings.
    sandbox
        .run(&["config", "show"])
        .code(0)
        .stdout_has("server.write_timeout")
        .stdout_has("AUDITRAIL_LISTEN");
}

#[test]
fn config_check_reports_invalid_settings() {
    let sandbox = Sandbox::bare().set("AUDITRAIL_LISTENS", "x");
    let run = sandbox.run(&["config", "check"]).code(0);
    run.stderr_has("unknown setting AUDITRAIL_LISTENS").stdout_has("settings are valid");
    for (line, complaint) in [
        ("listn = \"x\"", "auditrail.toml:2: unknown field `listn`"),
        ("listen = \"x\"", "server.listen is not an address with a port"),
        ("record_reads = \"maybe\"", "server.record_reads must be true or false"),
        ("connections_max = 0", "server.connections_max must be a number from 1"),
        ("write_timeout = 5", "server.write_timeout is not a duration"),
        ("log_format = \"xml\"", "server.log_format must be auto, text or json"),
        ("cursor_key = \"short\"", "server.cursor_key must have at least 32 characters"),
    ] {
        sandbox.file("auditrail.toml", format!("[server]\n{line}\n"));
        sandbox.run(&["config", "check"]).code(2).stderr_has(complaint);
        sandbox.run(&["serve"]).code(2).stderr_has(complaint);
    }
    sandbox.file("auditrail.toml", "[server]\ncursor_key = \"x\"\ncursor_key_file = \"y\"\n");
    sandbox
        .run(&["config", "check"])
        .code(2)
        .stderr_has("server.cursor_key and server.cursor_key_file are mutually exclusive");
    // Other commands ignore invalid settings of the service.
    let query = Sandbox::with(NOWHERE).set("AUDITRAIL_LISTEN", "x").run(&["query"]);
    query.code(6);
}
