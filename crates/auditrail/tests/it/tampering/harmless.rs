//! What changes the database, and is no attack.

use std::fmt::Write as _;

use auditrail_testkit::OwnServer;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::sandbox::Sandbox;
use crate::service::{Service, key_in};
use crate::signing::{
    Signing, assert_no_alarm, checkpoint_of, get, proved, verify_log, with_key, write, write_signed,
};

async fn run(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.unwrap();
}

/// The log continues what was kept, and nothing is reported.
async fn assert_continued(sandbox: &Sandbox, service: &Service, token: &str) {
    let (proof, _) = write_signed(service, token, 1).await;
    sandbox.file("newest.json", proof);
    let proofs = ["verify", "proof", "--policy", "policy", "kept.json", "newest.json"];
    sandbox.run(&proofs).code(0);
    verify_log(sandbox, service, &["--since", "kept"]).code(0);
    assert_no_alarm(service).await;
    let check = sandbox.run(&["sequence", "--check", "--json"]).code(0).json();
    assert_eq!(check["unsequenced"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_and_partitions_leave_the_log_as_it_is() {
    let server = OwnServer::start().await;
    let token = key_in(server.service()).await;
    let sandbox = with_key(&server.url(&server.service()), &token);
    let owner = Sandbox::with(&server.url(&server.admin().username("auditrail_owner")));
    let service = Service::start(&sandbox, &[]);
    let old: Vec<_> = (0..300)
        .map(|number| {
            let mut record = crate::signing::record(&format!("p{number}"));
            record["created_at"] = json!("2024-01-02T03:04:05Z");
            record
        })
        .collect();
    let call = service.post("/v1/audit-logs/batch?return=full").key(&token).json(&json!(old));
    let written = call.send().await.json();
    let id = written["records"][7]["id"].as_str().unwrap().to_owned();
    sandbox.file("kept.json", proved(&service, &token, &id).await);
    let (_, note) = write_signed(&service, &token, 10).await;
    sandbox.file("kept", note);
    assert_continued(&sandbox, &service, &token).await;

    owner.run(&["partition", "close"]).code(0).stdout_has("closed as");
    assert_continued(&sandbox, &service, &token).await;
    owner.run(&["retention", "set", "--keep", "400d", "-q"]).code(0);
    let removed = owner.run(&["retention", "run", "--yes", "--no-archive"]).code(0);
    removed.stdout_has("removed 300 records");
    assert_continued(&sandbox, &service, &token).await;
    for _ in 0..2 {
        owner.run(&["partition", "close"]).code(0);
    }
    owner.run(&["partition", "merge"]).code(0);
    assert_continued(&sandbox, &service, &token).await;
    // Its proof of before is still valid, and there is no new one.
    let answer = get(&service, &token, &format!("/v1/audit-logs/{id}/proof")).await;
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn long_and_aborted_transactions_come_when_they_commit() {
    let signing = Signing::new().await;
    let Signing { sandbox, token, db } = &signing;
    let service = signing.serve();
    let (proof, note) = write_signed(&service, token, 5).await;
    sandbox.file("kept.json", proof);
    sandbox.file("kept", &note);
    let insert = |id: u32| {
        format!(
            "insert into control_plane.audit_logs (id, actor_id, actor_type, action, target_type, target_id)
             values ('{}', 'u1', 'user', 'project.created', 'project', 'p1')",
            uuid::Uuid::from_u128(id.into())
        )
    };
    let [mut long, mut aborted, mut prepared] =
        [db.connect(db.app()).await, db.connect(db.app()).await, db.connect(db.app()).await];
    run(&mut long, &format!("begin; {}", insert(1))).await;
    run(&mut aborted, &format!("begin; {}", insert(2))).await;
    run(&mut prepared, &format!("begin; savepoint s; {}; rollback to s; {}", insert(3), insert(4)))
        .await;
    // Others are not held up by them.
    let (_, later) = write_signed(&service, token, 300).await;
    assert_eq!(checkpoint_of(&later).size(), checkpoint_of(&note).size() + 300);
    run(&mut aborted, "rollback").await;
    run(&mut prepared, "commit").await;
    assert_continued(sandbox, &service, token).await;
    run(&mut long, "commit").await;
    for (id, status) in [(1, 200), (2, 404), (3, 404), (4, 200)] {
        let id = uuid::Uuid::from_u128(id).to_string();
        if status == 200 {
            proved(&service, token, &id).await;
        }
        let answer = get(&service, token, &format!("/v1/audit-logs/{id}/proof")).await;
        assert_eq!(answer.status.as_u16(), status, "{id}");
    }
    assert_continued(sandbox, &service, token).await;
}

/// Times go back and forth, as after steps of a clock, and every line is imported twice.
#[tokio::test]
async fn repeated_import_and_times_out_of_order_are_no_alarm() {
    let signing = Signing::new().await;
    let Signing { sandbox, token, .. } = &signing;
    let service = signing.serve();
    let (proof, note) = write_signed(&service, token, 5).await;
    sandbox.file("kept.json", proof);
    sandbox.file("kept", &note);
    let mut lines = String::new();
    for (number, time) in ["2026-03-01T10:00:00Z", "2026-02-01T09:00:00Z", "2026-03-01T11:00:00Z"]
        .into_iter()
        .cycle()
        .take(300)
        .enumerate()
    {
        let mut record = crate::signing::record(&format!("imported-{number}"));
        record["created_at"] = time.into();
        writeln!(lines, "{record}").unwrap();
    }
    sandbox.file("lines.ndjson", lines);
    for _ in 0..2 {
        sandbox.run(&["import", "--format", "ndjson", "lines.ndjson"]).code(0);
        assert_continued(sandbox, &service, token).await;
    }
    // The same requests again, too.
    let ids = write(&service, token, 1).await;
    let mut again = crate::signing::record("p0");
    again["id"] = ids[0].as_str().into();
    let answer = service.post("/v1/audit-logs").key(token).json(&again).send().await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_continued(sandbox, &service, token).await;
    let (_, last) = write_signed(&service, token, 1).await;
    assert_eq!(checkpoint_of(&last).size(), checkpoint_of(&note).size() + 300 + 1 + 4);
}
