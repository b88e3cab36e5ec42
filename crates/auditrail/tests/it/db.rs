//! `db`, and commands without a database URL.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::migrate::latest;
use crate::sandbox::Sandbox;

/// A sandbox with a private PostgreSQL in its directory, which the server's user can access.
pub(crate) struct Private(pub(crate) Sandbox);

impl Private {
    pub(crate) fn new() -> Self {
        let mut sandbox = Sandbox::bare().set("AUDITRAIL_DATA_DIR", "data");
        if let Ok(bin) = std::env::var("AUDITRAIL_PG_BIN") {
            sandbox = sandbox.set("AUDITRAIL_PG_BIN", &bin);
        }
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(sandbox.path(""), open).unwrap();
        Self(sandbox)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // Do not leave a server running after a failed test.
        drop(self.0.command(&["db", "stop", "--force"]).output());
    }
}

#[test]
fn commands_start_and_stop_the_private_server() {
    let private = Private::new();
    let sandbox = &private.0;
    let state = || sandbox.run(&["db", "status", "--json"]).code(0).json()["state"].clone();
    assert_eq!(state(), "absent");
    let first = sandbox.run(&["query"]).code(0).stderr_has("creating the private PostgreSQL");
    first.stderr_has("migrating the private PostgreSQL").stderr_has("no matching records");
    let applied = format!("{} migrations", latest());
    let status = sandbox.run(&["migrate", "status", "--json"]).code(0).json();
    assert_eq!(status["pending"], 0, "{applied}");
    assert_eq!(state(), "stopped");
    let args = ["log", "--actor", "system", "--action", "a.b", "--target", "t:x", "--json"];
    let record: Value = sandbox.run(&args).code(0).json();
    assert_eq!(sandbox.run(&["query", "--json"]).code(0).rows(), [record]);
    sandbox.run(&["migrate", "verify"]).code(0);
    assert_eq!(state(), "stopped");
    sandbox.run(&["db", "url", "--json"]).code(1).stderr_has("not_running").stderr_has("db start");

    sandbox.run(&["db", "start"]).code(0).stdout_has("running: postgres:///auditrail?host=");
    assert_eq!(state(), "running");
    let url = sandbox.run(&["db", "url"]).code(0).out;
    let other = Sandbox::with(url.trim());
    assert_eq!(other.run(&["query", "--json"]).code(0).rows().len(), 1);
    let count = "select count(*) from control_plane.audit_logs";
    let psql = sandbox.run(&["db", "psql", "-XtAc", count]);
    assert_eq!(psql.code(0).out, "1\n");
    sandbox
        .run(&["db", "psql", "-XtAc", "select nonsense"])
        .code(1)
        .stderr_has("psql exited with code 1");
    assert_eq!(sandbox.run(&["db", "stop", "--json"]).code(0).json(), json!({"stopped": true}));
    sandbox.run(&["db", "stop"]).code(0).stdout_has("not running");
}

#[test]
fn invalid_pg_bin_is_reported() {
    let sandbox = Sandbox::bare().set("AUDITRAIL_DATA_DIR", "data");
    let run = sandbox.run(&["query", "--pg-bin", "nowhere", "--json"]).code(6);
    assert_eq!(run.error_code(), "private_postgres");
    assert!(run.err.contains("nowhere"), "{run:?}");
}
