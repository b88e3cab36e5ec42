//! `stats`.

use auditrail_testkit::TestDb;

use crate::sandbox::Sandbox;
use crate::service::{Service, key};

fn log(sandbox: &Sandbox, actor: &str, action: &str, at: &str) {
    let args = ["log", "--actor", actor, "--action", action, "--target", "project:p1", "--at", at];
    sandbox.run(&args).code(0);
}

#[tokio::test]
async fn counts_are_those_of_the_service() {
    let db = TestDb::migrated().await;
    let key = key(&db).await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    log(&sandbox, "user:u1", "project.created", "2026-01-02T03:04:05Z");
    log(&sandbox, "user:u1", "project.deleted", "2026-01-03T03:04:05Z");
    log(&sandbox, "system", "project.created", "2026-01-03T05:04:05Z");
    let service = Service::start(&sandbox, &[]);
    for (flags, query) in [
        (&[][..], ""),
        (&["--actor", "user:u1"], "actor=user:u1"),
        (
            &["--action", "project.created", "--interval", "day"],
            "action=project.created&interval=day",
        ),
        (&["--until", "2026-01-03"], "until=2026-01-03"),
        (&["--q", "U1 -project.deleted"], "q=u1+-project.deleted"),
    ] {
        let printed = sandbox.run(&[&["stats", "--json"], flags].concat()).code(0).json();
        let path = format!("/v1/audit-logs/stats?{query}");
        let answer = service.get(&path).key(&key).send().await.json();
        assert_eq!(printed, answer, "{query}");
        assert!(printed["total"].as_u64().unwrap() > 0);
    }
}

#[tokio::test]
async fn people_get_tables() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let none = sandbox.run(&["stats"]).code(0);
    assert_eq!(none.out, "0 records\n");
    log(&sandbox, "user:u1", "project.created", "2026-01-02T03:04:05Z");
    let one = sandbox.run(&["stats", "--interval", "day"]).code(0);
    assert!(
        one.out.starts_with("1 record\n\nrecords  day\n      1  2026-01-02T00:00:00Z\n"),
        "{one:?}"
    );
    for line in ["      1  user:u1\n", "      1  project.created\n", "      1  project:p1\n"] {
        assert!(one.out.contains(line), "{one:?}");
    }
    let wrong = ["stats", "--interval", "week", "--since", "soon"];
    sandbox.run(&wrong).code(2).stderr_has("--");
}
