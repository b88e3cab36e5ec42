//! TLS to the database: encryption and certificate verification.

use std::time::Duration;

use auditrail_core::ProvidedFields;
use auditrail_server::ServerConfig;
use auditrail_store::{GroupWriter, WriteError, WriteRequest, WriterLimits};
use auditrail_testkit::{TestDb, Transport, unrelated_certificate};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::service::{Service, input, record};

/// Numbers of unencrypted and encrypted sessions of the service.
async fn sessions(db: &TestDb) -> (i64, i64) {
    let sql = "select count(*) filter (where not ssl), count(*) filter (where ssl)
                 from pg_stat_ssl join pg_stat_activity using (pid)
                where datname = current_database() and usename in ('auditrail_app', 'auditrail_service')";
    sqlx::query_as(sql).fetch_one(&mut db.connect(db.admin()).await).await.unwrap()
}

fn untrusting(options: PgConnectOptions) -> PgConnectOptions {
    options.ssl_root_cert_from_pem(unrelated_certificate().into_bytes())
}

#[tokio::test]
async fn every_database_session_over_tls_is_encrypted() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    let service = Service::start_in(db, ServerConfig::default(), WriterLimits::default()).await;
    let records: Vec<_> = (0..50).map(|number| record(number, None)).collect();
    let batch = service.post("/v1/audit-logs/batch").key("write").json(&json!(records));
    assert_eq!(batch.send().await.json()["created"], 50);
    let one = service.post("/v1/audit-logs").key("write").json(&record(50, None)).send().await;
    assert_eq!(one.status.as_u16(), 201, "{one:?}");
    let path = "/v1/audit-logs/export?format=ndjson";
    let export = service.get(path).key("export").send().await;
    // Includes the record of the export itself; the last line is the manifest.
    assert_eq!(std::str::from_utf8(&export.body).unwrap().lines().count(), 53);
    let (open, encrypted) = sessions(&service.db).await;
    assert!(open == 0 && encrypted >= 2, "{open} open and {encrypted} encrypted sessions");
}

#[tokio::test]
async fn an_unknown_database_certificate_is_refused() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    for mode in [PgSslMode::VerifyFull, PgSslMode::VerifyCa] {
        let refused = PgConnection::connect_with(&untrusting(db.service()).ssl_mode(mode)).await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }
    // Encrypted without certificate verification.
    let required = untrusting(db.service()).ssl_mode(PgSslMode::Require);
    PgConnection::connect_with(&required).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn the_writer_refuses_an_unknown_certificate() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    let writer = GroupWriter::start(untrusting(db.service()), WriterLimits::default());
    let created_at = "2026-01-02T03:04:05Z".parse().unwrap();
    let one = input(&record(1, None)).into_record(Uuid::from_u128(1).into(), created_at);
    let deadline = Instant::now() + Duration::from_secs(1);
    let refused = writer.write(WriteRequest::one(one, ProvidedFields::ALL), deadline).await;
    let Err(WriteError::Unavailable { source, .. }) = refused else { panic!("{refused:?}") };
    let reason = format!("{source:?}");
    assert!(reason.to_lowercase().contains("certificate"), "{reason}");
    assert_eq!(sessions(&db).await, (0, 0));
}
