//! What the tables of the log have, computed from the records alone.

use std::collections::BTreeMap;

use auditrail_core::{CursorKey, RecordTime};
use auditrail_evidence::{Entry, FIELDS, LogEntry, RecordKey, fields_root};
use auditrail_store::PgAuditLog;
use auditrail_store::tree::{SealStep, Sealer, SignerSession};
use auditrail_testkit::TestDb;
use sqlx::{PgConnection, Row as _};
use tlog::{Checkpoint, Edge, Hash, Policy};
use uuid::Uuid;

/// Seals until nothing is left; the numbers of entries and of missing records.
pub(super) async fn drain(sealer: &mut Sealer) -> (u64, u64) {
    let mut sum = (0, 0);
    loop {
        match sealer.step().await.unwrap() {
            SealStep::Advanced { entries, missing, .. } => sum = (sum.0 + entries, sum.1 + missing),
            SealStep::Waiting => return sum,
            SealStep::Locked => panic!("another session holds the lock"),
        }
    }
}

/// Writes records with these numbers, which differ in every field and have values that JSON libraries change.
pub(super) async fn write(db: &TestDb, from: u32, to: u32) {
    db.as_owner(&format!(
        "insert into control_plane.audit_logs
             (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent,
              tenant_id, request_id, outcome, actor_name, target_name, created_at)
         select lpad(to_hex(n), 32, '0')::uuid, 'u' || n, 'user', 'project.created', 'project', 'p' || n,
                format('{{\"n\": 9007199254740993.10, \"ü\": %s}}', n)::jsonb,
                case n % 3 when 0 then '10.0.0.1'::inet when 1 then '2001:db8::/32'::inet end, 'curl/' || n,
                nullif('t' || n % 4, 't0'), 'r' || n, (array['success', 'failure'])[n % 2 + 1], 'Ana', 'P',
                timestamptz '2024-01-01Z' + n * interval '1 second'
           from generate_series({from}, {to} - 1) n"
    ))
    .await;
}

/// The rows of a table by their key.
pub(super) async fn rows(
    db: &mut PgConnection,
    sql: &'static str,
) -> BTreeMap<(i64, i64), Vec<u8>> {
    let rows = sqlx::query(sql).fetch_all(db).await.unwrap();
    rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()
}

pub(super) const BUNDLES: &str =
    "select 0::bigint, bundle, entries from control_plane.audit_log_bundles";
const KEYS: &str = "select 0::bigint, bundle, keys from control_plane.audit_log_record_keys";
pub(super) const TILES: &str =
    "select level::bigint, tile, hashes from control_plane.audit_log_tiles";

/// The fields of each record in the order of the sequence, read without code of the store.
async fn records(db: &mut PgConnection) -> Vec<(Uuid, i64, [Option<String>; FIELDS.len()])> {
    let columns = FIELDS.map(|field| match field.as_str() {
        "metadata" => "r.metadata::text".to_owned(),
        "ip_address" => "text(r.ip_address)".to_owned(),
        name => format!("r.{name}"),
    });
    let sql = format!(
        "select r.id, (extract(epoch from r.created_at) * 1000000)::bigint, array[{}]
           from control_plane.audit_log_entries e
          cross join generate_series(0, e.records - 1) n
          join control_plane.audit_logs r
            on r.id = encode(substr(e.ids, 16 * n + 1, 16), 'hex')::uuid
          order by e.first_seq + n",
        columns.join(", ")
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(db).await.unwrap();
    let record = |row: &sqlx::postgres::PgRow| {
        let fields: Vec<Option<String>> = row.get(2);
        (row.get(0), row.get(1), fields.try_into().unwrap())
    };
    rows.iter().map(record).collect()
}

/// Asserts that bundles and tiles are those of all records, in the order of the sequence, under their keys.
pub(super) async fn assert_sealed(db: &mut PgConnection) {
    let keys: Vec<u8> = rows(db, KEYS).await.into_values().flatten().collect();
    let records = records(db).await;
    assert_eq!(keys.len(), records.len() * RecordKey::BYTES);
    let (keys, _) = keys.as_chunks::<{ RecordKey::BYTES }>();
    let (mut edge, mut tiles, mut bundles) = (Edge::new(), BTreeMap::new(), Vec::<u8>::new());
    for ((id, micros, fields), key) in records.iter().zip(keys) {
        assert_ne!(*key, [0; 32]);
        let values = FIELDS.map(|field| fields[field.index()].as_deref());
        let fields_root = fields_root(&RecordKey::new(*key).commitments(&values));
        let created_at = RecordTime::from_unix_micros(*micros).unwrap();
        let entry = LogEntry::Record(Entry { id: *id, created_at, fields_root });
        bundles.extend(id.as_bytes().iter().chain(&micros.to_be_bytes()).chain(&fields_root));
        edge.push(entry.leaf_hash(), &mut |level, index, hashes| {
            tiles.insert((i64::from(level), i64::try_from(index).unwrap()), bytes(hashes));
        });
    }
    for level in 1..edge.levels() {
        let index = edge.size() >> (8 * (level + 1));
        if !edge.level(level).is_empty() {
            let key = (i64::try_from(level).unwrap(), i64::try_from(index).unwrap());
            tiles.insert(key, bytes(edge.level(level)));
        }
    }
    tiles.retain(|(level, _), _| *level > 0);
    assert!(rows(db, TILES).await == tiles, "tiles differ");
    let stored: Vec<u8> = rows(db, BUNDLES).await.into_values().flatten().collect();
    assert!(stored == bundles, "bundles differ");
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Signs the log as it is now, and stores the checkpoint. The key is the same for each log.
pub(super) async fn sign(db: &TestDb) -> tlog::VerifierKey {
    let name = "example.com/log".parse().unwrap();
    let key = tlog::SigningKey::from_seed(name, tlog::Algorithm::Ed25519, &[7; 32]);
    let mut session = SignerSession::new(&db.service());
    let heads = session.heads(0).await.unwrap();
    let checkpoint = Checkpoint::new("example.com/log", heads.size, heads.root).unwrap();
    let mut note = checkpoint.to_note().unwrap();
    note.sign(&key, 0);
    let verifier = key.verifier();
    session.add(&checkpoint, &note.to_string(), &[verifier.to_string()]).await.unwrap();
    session.close().await;
    verifier
}

/// A policy that trusts that key.
pub(super) fn policy(key: &tlog::VerifierKey) -> Policy {
    Policy::parse(format!("log {key}\nquorum none\n").as_bytes()).unwrap()
}

pub(super) async fn log(db: &TestDb) -> PgAuditLog {
    PgAuditLog::new(db.pool(db.service()).await, CursorKey::public())
}
