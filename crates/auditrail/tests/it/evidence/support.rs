//! A database with sealed records and a signed checkpoint.

use auditrail_store::tree::SignerSession;
use auditrail_testkit::TestDb;
use tlog::{Algorithm, Checkpoint, SigningKey};

use crate::sandbox::Sandbox;

const ORIGIN: &str = "example.com/log";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN.parse().unwrap(), Algorithm::Ed25519, &[seed; 32])
}

/// A policy that trusts the key of a seed; 1 is the one that signs.
pub(super) fn policy(seed: u8) -> String {
    format!("log {}\nquorum none\n", key(seed).verifier())
}

/// Writes records with these numbers.
pub(super) async fn write(db: &TestDb, from: u32, to: u32) {
    db.as_owner(&format!(
        "insert into control_plane.audit_logs
             (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, tenant_id, outcome,
              created_at)
         select lpad(to_hex(n), 32, '0')::uuid, 'u' || n, 'user', 'project.created', 'project', 'p' || n,
                format('{{\"n\": 9007199254740993.10, \"ü\": %s}}', n)::jsonb, '2001:db8::1'::inet,
                't' || n % 4, (array['success', 'failure'])[n % 2 + 1],
                timestamptz '2024-01-01Z' + n * interval '1 second'
           from generate_series({from}, {to} - 1) n"
    ))
    .await;
}

/// Seals all records and signs a checkpoint. A sandbox with the database, and the policy that trusts it.
pub(super) async fn log(db: &TestDb) -> Sandbox {
    db.sequence().await;
    let mut session = SignerSession::new(&db.service());
    let heads = session.heads(0).await.unwrap();
    let checkpoint = Checkpoint::new(ORIGIN, heads.size, heads.root).unwrap();
    let mut note = checkpoint.to_note().unwrap();
    note.sign(&key(1), 0);
    let verifier = key(1).verifier().to_string();
    session.add(&checkpoint, &note.to_string(), &[verifier]).await.unwrap();
    session.close().await;
    let sandbox = Sandbox::with(&db.url(&db.service()));
    sandbox.file("policy", policy(1));
    sandbox
}

/// Changes a record behind the back of the log.
pub(super) async fn alter(db: &TestDb, number: u32) {
    unguarded(
        db,
        &format!("update control_plane.audit_logs set actor_id = 'x' where id = {}", id(number)),
    )
    .await;
}

/// Removes records, as retention does.
pub(super) async fn remove(db: &TestDb, numbers: &[u32]) {
    for number in numbers {
        unguarded(db, &format!("delete from control_plane.audit_logs where id = {}", id(*number)))
            .await;
    }
}

fn id(number: u32) -> String {
    format!("lpad(to_hex({number}), 32, '0')::uuid")
}

async fn unguarded(db: &TestDb, sql: &str) {
    let mut admin = db.connect(db.admin()).await;
    let off = "alter table control_plane.audit_logs disable trigger user";
    for sql in ["set session_replication_role = replica", off, sql] {
        sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut admin).await.unwrap();
    }
}
