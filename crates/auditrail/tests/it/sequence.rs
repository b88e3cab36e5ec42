//! `sequence`, and the sequencer of `serve`.

use auditrail_testkit::{TestDb, eventually};
use rustix::process::Signal;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::sandbox::Sandbox;
use crate::service::{Service, key};

async fn write(db: &mut PgConnection, records: u32) {
    let insert = format!(
        "insert into control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id)
         select 'u1', 'user', 'project.created', 'project', 'p1' from generate_series(1, {records})"
    );
    sqlx::raw_sql(AssertSqlSafe(insert)).execute(db).await.unwrap();
}

async fn next_seq(db: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select next_seq from control_plane.audit_log_sequencer")
        .fetch_one(db)
        .await
        .unwrap()
}

/// The value of a metric without labels.
async fn metric(service: &Service, name: &str) -> f64 {
    let metrics = service.metrics().await;
    let mut values = metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values.next().unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

#[tokio::test]
async fn once_sequences_what_is_committed() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    write(&mut app, 5_000).await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    let first = sandbox.run(&["sequence", "--once", "--json"]).code(0).json();
    assert_eq!(
        first,
        json!({"sequenced": 5_000, "next_seq": 5_000, "recovered": true, "sealed": 5_000, "missing": 0, "indexed": 4_864})
    );
    write(&mut app, 1).await;
    let second = sandbox.run(&["sequence", "--once"]).code(0);
    assert_eq!(
        second.out,
        "1 record sequenced; the next seq is 5001\n1 record added to the transparency log\n"
    );
    let third = sandbox.run(&["sequence", "--once"]).code(0);
    assert_eq!(third.out, "0 records sequenced; the next seq is 5001\n");
    sandbox.run(&["sequence"]).code(2).stderr_has("--once");
}

#[tokio::test]
async fn check_finds_a_record_that_recover_sequences() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    write(&mut owner, 10).await;
    sandbox.run(&["sequence", "--once"]).code(0);
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    db.as_owner(&format!(
        "insert into control_plane.audit_logs
             (id, actor_id, actor_type, action, target_type, target_id, xact_id)
         values ('{id}', 'u1', 'user', 'project.created', 'project', 'p1', '3')"
    ))
    .await;
    let found = sandbox.run(&["sequence", "--check", "--json"]).code(4);
    let expected = json!({"compared": 11, "unsequenced": 1, "records": [{"id": id, "xact_id": 3}]});
    assert_eq!(found.json(), expected);
    sandbox.run(&["sequence", "--check"]).code(4).stderr_has("sequence --once --recover");
    let recovered = sandbox.run(&["sequence", "--once", "--recover", "--json"]).code(0).json();
    assert_eq!(
        recovered,
        json!({"sequenced": 1, "next_seq": 11, "recovered": true, "sealed": 1, "missing": 0, "indexed": 0})
    );
    let checked = sandbox.run(&["sequence", "--check"]).code(0);
    assert_eq!(checked.out, "11 records compared with the sequence\n");
}

#[tokio::test]
async fn role_without_privileges_is_told_to_get_them() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    sandbox.run(&["sequence", "--once"]).code(1).stderr_has("auditrail migrate grants");
}

#[tokio::test]
async fn service_sequences_its_own_records_and_those_of_others() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    write(&mut app, 100).await;
    let key = key(&db).await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    let service = Service::start(&sandbox, &[]);
    let mut reader = db.connect(db.reader()).await;
    // The key's own record of its creation included.
    eventually("the first records are sequenced", async || next_seq(&mut reader).await >= 100)
        .await;
    let before = next_seq(&mut reader).await;
    let record = json!({"actor_id": "u1", "actor_type": "user", "action": "project.created",
        "target_type": "project", "target_id": "p1"});
    service.post("/v1/audit-logs").key(&key).json(&record).send().await;
    eventually("a record over HTTP", async || next_seq(&mut reader).await == before + 1).await;
    write(&mut app, 1).await;
    eventually("a record over SQL", async || next_seq(&mut reader).await == before + 2).await;
    eventually("the metrics", async || {
        metric(&service, "auditrail_sequencer_next_seq").await == (before + 2) as f64
            && metric(&service, "auditrail_sequencer_lag_seconds").await == 0.0
            && metric(&service, "auditrail_sequencer_active").await == 1.0
            && metric(&service, "auditrail_sequencer_reconciled_records_total").await >= 100.0
    })
    .await;
    assert_eq!(metric(&service, "auditrail_sequencer_unsequenced_records").await.to_string(), "0");
    write(&mut app, 600).await;
    eventually("the words of full blocks are indexed", async || {
        metric(&service, "auditrail_text_index_records_total").await == 512.0
            && metric(&service, "auditrail_text_index_unindexed_records").await < 256.0
    })
    .await;
    service.signal(Signal::TERM);
    let (code, log) = service.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("the sequence was recovered"), "{log}");
}

#[tokio::test]
async fn reconciler_of_the_service_raises_an_alarm() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    let service = Service::start(&sandbox, &[]);
    eventually("the sequence is recovered", async || {
        let active = metric(&service, "auditrail_sequencer_active").await;
        let recovering = metric(&service, "auditrail_sequencer_recovering").await;
        (active - recovering - 1.0).abs() < 0.1
    })
    .await;
    db.as_owner(
        "insert into control_plane.audit_logs
             (id, actor_id, actor_type, action, target_type, target_id, xact_id)
         values ('01890a5d-ac96-774b-bcce-b302099a8057', 'u1', 'user', 'project.created', 'project',
                 'p1', '3')",
    )
    .await;
    // The first pass may have found an empty table, and the next one begins a minute later.
    drop(service);
    let service = Service::start(&sandbox, &[]);
    eventually("an alarm", async || {
        metric(&service, "auditrail_sequencer_unsequenced_records").await == 1.0
    })
    .await;
    service.signal(Signal::TERM);
    let (_, log) = service.end();
    assert!(log.contains("01890a5d-ac96-774b-bcce-b302099a8057"), "{log}");
}

#[tokio::test]
async fn second_service_takes_over() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    let services = [Service::start(&sandbox, &[]), Service::start(&sandbox, &[])];
    let mut reader = db.connect(db.reader()).await;
    // While records come in, exactly one is active.
    eventually("one is active", async || {
        write(&mut app, 1).await;
        let mut active = 0.0;
        for service in &services {
            active += metric(service, "auditrail_sequencer_active").await;
        }
        (active - 1.0_f64).abs() < 0.1
    })
    .await;
    let [first, second] = services;
    let is_first = metric(&first, "auditrail_sequencer_active").await == 1.0;
    let (active, standby) = if is_first { (first, second) } else { (second, first) };
    active.signal(Signal::KILL);
    drop(active);
    write(&mut app, 1_000).await;
    eventually("the other one sequences", async || {
        let stored: i64 = sqlx::query_scalar("select count(*) from control_plane.audit_logs")
            .fetch_one(&mut reader)
            .await
            .unwrap();
        next_seq(&mut reader).await == stored
            && metric(&standby, "auditrail_sequencer_active").await == 1.0
    })
    .await;
}

#[tokio::test]
async fn service_can_leave_sequencing_to_others() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    write(&mut app, 10).await;
    let sandbox = Sandbox::with(&db.url(&db.service())).set("AUDITRAIL_SEQUENCER", "false");
    let service = Service::start(&sandbox, &[]);
    let metrics = service.metrics().await;
    assert!(!metrics.contains("task=\"sequencer\""), "{metrics}");
    service.signal(Signal::TERM);
    assert_eq!(service.end().0, Some(0));
    let mut reader = db.connect(db.reader()).await;
    assert_eq!(next_seq(&mut reader).await, 0);
}
