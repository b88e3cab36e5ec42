//! `db`, and the commands without a database URL.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::program::Desk;

/// A desk whose private PostgreSQL is in its own directory, where the server's user can get to it.
struct Private(Desk);

impl Private {
    fn new() -> Self {
        let mut desk = Desk::bare().set("AUDITRAIL_DATA_DIR", "data");
        if let Ok(bin) = std::env::var("AUDITRAIL_PG_BIN") {
            desk = desk.set("AUDITRAIL_PG_BIN", &bin);
        }
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(desk.path(""), open).unwrap();
        Self(desk)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // A failed test must not leave a server behind.
        drop(self.0.command(&["db", "stop", "--force"]).output());
    }
}

#[test]
fn every_command_works_without_a_url_and_leaves_no_server_running() {
    let private = Private::new();
    let desk = &private.0;
    let state = || desk.run(&["db", "status", "--json"]).code(0).json()["state"].clone();
    assert_eq!(state(), "absent");
    desk.run(&["query"]).code(3).says("creating the private PostgreSQL");
    desk.run(&["migrate"]).code(0).prints("applied 13 migrations");
    assert_eq!(state(), "stopped");
    let args = ["log", "--actor", "system", "--action", "a.b", "--target", "t:x", "--json"];
    let record: Value = desk.run(&args).code(0).json();
    assert_eq!(desk.run(&["query", "--json"]).code(0).rows(), [record]);
    desk.run(&["migrate", "verify"]).code(0);
    assert_eq!(state(), "stopped");
    desk.run(&["db", "url", "--json"]).code(1).says("not_running").says("db start");

    desk.run(&["db", "start"]).code(0).prints("running: postgres://");
    assert_eq!(state(), "running");
    let url = desk.run(&["db", "url"]).code(0).out;
    let other = Desk::with(url.trim());
    assert_eq!(other.run(&["query", "--json"]).code(0).rows().len(), 1);
    let count = "select count(*) from control_plane.audit_logs";
    let psql = desk.run(&["db", "psql", "-XtAc", count]);
    assert_eq!(psql.code(0).out, "1\n");
    desk.run(&["db", "psql", "-XtAc", "select nonsense"]).code(1).says("psql exited with code 1");
    assert_eq!(desk.run(&["db", "stop", "--json"]).code(0).json(), json!({"stopped": true}));
    desk.run(&["db", "stop"]).code(0).prints("not running");
}

#[test]
fn a_directory_without_postgresql_is_told() {
    let desk = Desk::bare().set("AUDITRAIL_DATA_DIR", "data");
    let run = desk.run(&["query", "--pg-bin", "nowhere", "--json"]).code(6);
    assert_eq!(run.error_code(), "private_postgres");
    assert!(run.err.contains("nowhere"), "{run:?}");
}
