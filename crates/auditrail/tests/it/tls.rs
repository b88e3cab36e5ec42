//! Every command over TLS, with the certificate of the server verified.

use auditrail_testkit::{TestDb, Transport, unrelated_certificate};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::program::Desk;
use crate::running::{Running, key};

/// More than one group of records, and more than one TLS record of bytes.
const RECORDS: usize = 300;

fn record(n: usize) -> Value {
    json!({
        "actor_type": "user", "actor_id": "u1", "action": "project.deleted",
        "target_type": "project", "target_id": format!("p{n}"), "metadata": {"note": "n".repeat(200)},
    })
}

/// How many sessions there are of the program, and whether all are encrypted.
async fn sessions(db: &TestDb) -> (i64, bool) {
    let sql = "select count(*), coalesce(bool_and(ssl), false)
                 from pg_stat_ssl join pg_stat_activity using (pid)
                where datname = current_database() and application_name like 'auditrail%'";
    sqlx::query_as(sql).fetch_one(&mut db.connect(db.admin()).await).await.unwrap()
}

/// The address of the database for a desk, with another certificate than the server's.
fn untrusted(db: &TestDb, desk: &Desk, mode: PgSslMode, role: PgConnectOptions) -> String {
    let wrong = desk.file("wrong.pem", unrelated_certificate());
    db.url(&role.ssl_mode(mode).ssl_root_cert(wrong))
}

#[tokio::test]
async fn import_query_and_export_over_tls_verify_the_certificate() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    let url = db.url(&db.app());
    assert!(url.contains("sslmode=verify-full") && url.contains("sslrootcert="), "{url}");
    let desk = Desk::with(&url);
    let lines: String = (0..RECORDS).map(|n| format!("{}\n", record(n))).collect();
    let import =
        desk.run_with_input(&["import", "--format", "ndjson", "--json", "-"], lines.as_bytes());
    assert_eq!(import.code(0).json()["created"], RECORDS);
    assert_eq!(desk.run(&["query", "--json", "--limit", "7"]).code(0).rows().len(), 7);
    // The last line is the manifest.
    assert_eq!(desk.run(&["export", "--format", "ndjson"]).code(0).rows().len(), RECORDS + 1);
    for command in
        [&["query"][..], &["export", "--format", "csv"], &["import", "--format", "ndjson", "-"]]
    {
        for mode in [PgSslMode::VerifyFull, PgSslMode::VerifyCa] {
            let elsewhere = Desk::bare();
            let elsewhere = {
                let url = untrusted(&db, &elsewhere, mode, db.app());
                elsewhere.set("DATABASE_URL", &url)
            };
            let run = elsewhere.run(command).code(6).says("certificate");
            assert!(run.out.is_empty(), "{run:?}");
        }
    }
}

#[tokio::test]
async fn migrations_and_keys_over_tls_verify_the_certificate() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    Desk::with(&db.url(&db.owner())).run(&["migrate", "verify"]).code(0);
    Desk::with(&db.url(&db.service())).run(&["key", "create", "--scope", "write"]).code(0);
    for (role, command) in [
        (db.owner(), &["migrate", "verify"][..]),
        (db.service(), &["key", "create", "--scope", "write"]),
    ] {
        let desk = Desk::bare();
        let url = untrusted(&db, &desk, PgSslMode::VerifyFull, role);
        desk.set("DATABASE_URL", &url).run(command).code(6).says("certificate");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_over_tls_encrypts_every_session() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    let key = key(&db).await;
    let service = Running::start(&Desk::with(&db.url(&db.service())), &[]);
    let batch: Vec<_> = (0..RECORDS).map(record).collect();
    let written = service.post("/v1/audit-logs/batch").key(&key).json(&json!(batch)).send().await;
    assert_eq!(written.json()["created"], RECORDS, "{written:?}");
    let found = service.get("/v1/audit-logs?target_id=p299").key(&key).send().await.json();
    assert_eq!(found["data"][0]["target_id"], "p299");
    let (sessions, encrypted) = sessions(&db).await;
    assert!(sessions >= 2 && encrypted, "{sessions} sessions, encrypted: {encrypted}");
}

#[tokio::test]
async fn a_service_that_distrusts_the_certificate_does_not_start() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    let desk = Desk::bare();
    let url = untrusted(&db, &desk, PgSslMode::VerifyFull, db.service());
    let Err((status, log)) = Running::try_start(&desk.set("DATABASE_URL", &url), &[]) else {
        panic!("it started")
    };
    assert_eq!(status.code(), Some(6), "{log}");
    assert!(log.contains("certificate"), "{log}");
    assert_eq!(sessions(&db).await.0, 0);
}
