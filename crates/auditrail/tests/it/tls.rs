//! Every command over TLS, with the certificate of the server verified.

use auditrail_testkit::{TestDb, Transport, unrelated_certificate};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::sandbox::Sandbox;
use crate::service::{Service, key};

/// More than one group of records, and more than one TLS record of bytes.
const RECORDS: usize = 300;

fn record(n: usize) -> Value {
    json!({
        "actor_type": "user", "actor_id": "u1", "action": "project.deleted",
        "target_type": "project", "target_id": format!("p{n}"), "metadata": {"note": "n".repeat(200)},
    })
}

/// The number of sessions of the program, and whether all are encrypted.
async fn sessions(db: &TestDb) -> (i64, bool) {
    let sql = "select count(*), coalesce(bool_and(ssl), false)
                 from pg_stat_ssl join pg_stat_activity using (pid)
                where datname = current_database() and application_name like 'auditrail%'";
    sqlx::query_as(sql).fetch_one(&mut db.connect(db.admin()).await).await.unwrap()
}

/// The URL of the database with a root certificate that did not sign the server's.
fn untrusted(db: &TestDb, sandbox: &Sandbox, mode: PgSslMode, role: PgConnectOptions) -> String {
    let wrong = sandbox.file("wrong.pem", unrelated_certificate());
    db.url(&role.ssl_mode(mode).ssl_root_cert(wrong))
}

#[tokio::test]
async fn data_commands_verify_the_tls_certificate() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    let url = db.url(&db.app());
    assert!(url.contains("sslmode=verify-full") && url.contains("sslrootcert="), "{url}");
    let sandbox = Sandbox::with(&url);
    let lines: String = (0..RECORDS).map(|n| format!("{}\n", record(n))).collect();
    let import =
        sandbox.run_with_input(&["import", "--format", "ndjson", "--json", "-"], lines.as_bytes());
    assert_eq!(import.code(0).json()["created"], RECORDS);
    assert_eq!(sandbox.run(&["query", "--json", "--limit", "7"]).code(0).rows().len(), 7);
    // The last line is the manifest.
    assert_eq!(sandbox.run(&["export", "--format", "ndjson"]).code(0).rows().len(), RECORDS + 1);
    for command in
        [&["query"][..], &["export", "--format", "csv"], &["import", "--format", "ndjson", "-"]]
    {
        for mode in [PgSslMode::VerifyFull, PgSslMode::VerifyCa] {
            let elsewhere = Sandbox::bare();
            let elsewhere = {
                let url = untrusted(&db, &elsewhere, mode, db.app());
                elsewhere.set("DATABASE_URL", &url)
            };
            let run = elsewhere.run(command).code(6).stderr_has("certificate");
            assert!(run.out.is_empty(), "{run:?}");
        }
    }
}

#[tokio::test]
async fn migrate_and_key_verify_the_tls_certificate() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    Sandbox::with(&db.url(&db.owner())).run(&["migrate", "verify"]).code(0);
    Sandbox::with(&db.url(&db.service())).run(&["key", "create", "--scope", "write"]).code(0);
    for (role, command) in [
        (db.owner(), &["migrate", "verify"][..]),
        (db.service(), &["key", "create", "--scope", "write"]),
    ] {
        let sandbox = Sandbox::bare();
        let url = untrusted(&db, &sandbox, PgSslMode::VerifyFull, role);
        sandbox.set("DATABASE_URL", &url).run(command).code(6).stderr_has("certificate");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_encrypts_every_session() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    let key = key(&db).await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let batch: Vec<_> = (0..RECORDS).map(record).collect();
    let written = service.post("/v1/audit-logs/batch").key(&key).json(&json!(batch)).send().await;
    assert_eq!(written.json()["created"], RECORDS, "{written:?}");
    let hits = service.get("/v1/audit-logs?target_id=p299").key(&key).send().await.json();
    assert_eq!(hits["data"][0]["target_id"], "p299");
    let (sessions, encrypted) = sessions(&db).await;
    assert!(sessions >= 2 && encrypted, "{sessions} sessions, encrypted: {encrypted}");
}

#[tokio::test]
async fn service_rejects_an_untrusted_certificate() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    let sandbox = Sandbox::bare();
    let url = untrusted(&db, &sandbox, PgSslMode::VerifyFull, db.service());
    let Err((status, log)) = Service::try_start(&sandbox.set("DATABASE_URL", &url), &[]) else {
        panic!("it started")
    };
    assert_eq!(status.code(), Some(6), "{log}");
    assert!(log.contains("certificate"), "{log}");
    assert_eq!(sessions(&db).await.0, 0);
}
