//! Records of people, and what an erasure leaves of them.

use auditrail_core::{CursorKey, RecordId, RequestContext};
use auditrail_evidence::RecordProof;
use auditrail_store::PgAuditLog;
use auditrail_store::erasure::{
    ErasedFields, Eraser, ErasureError, ErasureOptions, ErasureReport, Subject,
};
use auditrail_store::tree::{ProofOutcome, SignerSession};
use auditrail_testkit::TestDb;
use sqlx::{PgConnection, Row as _};
use tlog::{Algorithm, Checkpoint, Policy, SigningKey};
use uuid::Uuid;

/// Records 1 to `records` of twenty people, `ana0` and so on, about each other.
pub(super) async fn write(db: &TestDb, records: u32) {
    db.as_owner(&format!(
        "insert into control_plane.audit_logs
             (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent, actor_name,
              target_name, tenant_id, created_at)
         select lpad(to_hex(n), 32, '0')::uuid, 'ana' || n % 20, 'user', 'project.created', 'user', 'ana' || n % 7,
                jsonb_build_object('email', 'ana' || n % 20 || '@example.com', 'n', n),
                ('10.0.0.' || n % 20)::inet, 'agent' || n % 20, 'Ana ' || n % 20, 'Ana ' || n % 7, 't1',
                timestamptz '2024-01-01Z' + n * interval '1 second'
           from generate_series(1, {records}) n"
    ))
    .await;
}

pub(super) fn id(number: u32) -> RecordId {
    Uuid::from_u128(number.into()).into()
}

pub(super) async fn log(db: &TestDb) -> PgAuditLog {
    PgAuditLog::new(db.pool(db.service()).await, CursorKey::public())
}

/// Signs the log as it is, always with the same key, and returns the policy that trusts it.
pub(super) async fn sign(db: &TestDb) -> Policy {
    let name = "example.com/log".parse().unwrap();
    let key = SigningKey::from_seed(name, Algorithm::Ed25519, &[7; 32]);
    let mut session = SignerSession::new(&db.service());
    let heads = session.heads(0).await.unwrap();
    let checkpoint = Checkpoint::new("example.com/log", heads.size, heads.root).unwrap();
    let mut note = checkpoint.to_note().unwrap();
    note.sign(&key, 0);
    session.add(&checkpoint, &note.to_string(), &[]).await.unwrap();
    session.close().await;
    Policy::parse(format!("log {}\nquorum none\n", key.verifier()).as_bytes()).unwrap()
}

pub(super) async fn proof(log: &PgAuditLog, number: u32) -> RecordProof {
    match log.proof(id(number), None, None).await.unwrap() {
        ProofOutcome::Proved(proof) => *proof,
        other => panic!("record {number}: {other:?}"),
    }
}

pub(super) fn subject(text: &str) -> Subject {
    let target = format!("user:{}", text.trim_start_matches("user:"));
    Subject { actor: Some(text.parse().unwrap()), target: Some(target.parse().unwrap()) }
}

pub(super) async fn erase_all_of(
    db: &TestDb,
    subject: Subject,
    fields: ErasedFields,
) -> Result<ErasureReport, ErasureError> {
    let reason = "request 17".to_owned();
    let by = "user:dpo".parse().unwrap();
    let options = ErasureOptions { subject, fields, reason, by };
    let eraser = Eraser::new(db.owner());
    eraser.erase(&options, &RequestContext::default(), &mut |_| {}).await
}

/// The tables of the schema in which the text of a row, or the hexadecimal form of its bytes, has a value.
pub(super) async fn tables_with(db: &mut PgConnection, value: &str) -> Vec<String> {
    let tables = "select c.relname from pg_class c
                   where c.relnamespace = 'control_plane'::regnamespace and c.relkind = 'r' order by 1";
    let mut found = Vec::new();
    for row in sqlx::query(tables).fetch_all(&mut *db).await.unwrap() {
        let table: String = row.get(0);
        let sql = format!(
            "select exists (select from control_plane.{table} t where strpos(t::text, $1) > 0)"
        );
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(value);
        if query.fetch_one(&mut *db).await.unwrap() {
            found.push(table);
        }
    }
    found
}
