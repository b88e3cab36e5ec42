//! A superuser who rewrites the log so that its rows fit together.

use auditrail_store::tree::SignerSession;
use auditrail_testkit::TestDb;
use sqlx::{AssertSqlSafe, PgConnection};
use tlog::{Checkpoint, Edge, Hash, SigningKey, leaf_hash};

use crate::sandbox::Sandbox;
use crate::signing::{FILE, checkpoint_of};

const ENTRY: usize = 56;
const TABLES: [&str; 7] = [
    "audit_logs",
    "audit_log_entries",
    "audit_log_bundles",
    "audit_log_tiles",
    "audit_log_record_keys",
    "audit_log_checkpoints",
    "audit_log_tree",
];

/// An entry with the key of its record.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) entry: Vec<u8>,
    key: Vec<u8>,
}

/// A superuser for whom no guard applies.
pub(super) struct Attacker {
    db: PgConnection,
}

impl Attacker {
    pub(super) async fn new(db: &TestDb) -> Self {
        let mut attacker = Self { db: db.connect(db.admin()).await };
        attacker.run("set session_replication_role = replica").await;
        for table in TABLES {
            let off = format!("alter table control_plane.{table} disable trigger user");
            attacker.run(&off).await;
        }
        attacker
    }

    pub(super) async fn run(&mut self, sql: &str) {
        let run = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.db).await;
        run.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Bytes of a query of one row.
    async fn bytes(&mut self, sql: &'static str) -> Vec<u8> {
        sqlx::query_scalar(sql).fetch_one(&mut self.db).await.unwrap()
    }

    /// The log in the order of its entries.
    pub(super) async fn rows(&mut self) -> Vec<Row> {
        let entries = self
            .bytes("select string_agg(entries, '' order by bundle) from control_plane.audit_log_bundles")
            .await;
        let keys = self
            .bytes("select string_agg(keys, '' order by bundle) from control_plane.audit_log_record_keys")
            .await;
        let entries = entries.chunks(ENTRY).zip(keys.chunks(32));
        entries.map(|(entry, key)| Row { entry: entry.to_vec(), key: key.to_vec() }).collect()
    }

    /// Replaces the log and the sequence by these entries.
    pub(super) async fn rewrite(&mut self, rows: &[Row]) {
        self.run(
            "delete from control_plane.audit_log_bundles;
             delete from control_plane.audit_log_record_keys;
             delete from control_plane.audit_log_tiles",
        )
        .await;
        for (bundle, rows) in rows.chunks(256).enumerate() {
            let entries: String = rows.iter().map(|row| hex(&row.entry)).collect();
            let keys: String = rows.iter().map(|row| hex(&row.key)).collect();
            self.run(&format!(
                "insert into control_plane.audit_log_bundles values ({bundle}, '\\x{entries}');
                 insert into control_plane.audit_log_record_keys values ({bundle}, '\\x{keys}')"
            ))
            .await;
        }
        for (level, tile, hashes) in tiles(rows) {
            let hashes: String = hashes.iter().map(|hash| hex(&hash.0)).collect();
            self.run(&format!(
                "insert into control_plane.audit_log_tiles values ({level}, {tile}, '\\x{hashes}')"
            ))
            .await;
        }
        let (size, ids) = (rows.len(), rows.iter().map(|row| hex(&row.entry[..16])));
        let ids: String = ids.collect();
        self.run(&format!(
            "with gone as (delete from control_plane.audit_log_entries
                           returning lowest_xact_id, highest_xact_id)
             insert into control_plane.audit_log_entries
                 (first_seq, records, lowest_xact_id, highest_xact_id, ids)
             select 0, {size}, min(lowest_xact_id), max(highest_xact_id), '\\x{ids}' from gone
             having {size} > 0;
             update control_plane.audit_log_tree set size = {size};
             update control_plane.audit_log_sequencer set next_seq = {size}"
        ))
        .await;
    }

    /// Signs the log with the key of the service, as if it had always been so.
    pub(super) async fn sign(&mut self, db: &TestDb, sandbox: &Sandbox) -> String {
        let secret = sandbox.text(FILE);
        let secret = secret.lines().find(|line| !line.starts_with('#')).unwrap();
        let key = SigningKey::from_secret_text(secret).unwrap();
        let mut session = SignerSession::new(&db.service());
        let heads = session.heads(0).await.unwrap();
        let memory = sandbox.text(&format!("{FILE}.signed"));
        let origin = checkpoint_of(&memory).origin().to_owned();
        let checkpoint = Checkpoint::new(&origin, heads.size, heads.root).unwrap();
        let mut note = checkpoint.to_note().unwrap();
        note.sign(&key, 0);
        let note = note.to_string();
        self.run("delete from control_plane.audit_log_checkpoints").await;
        session.add(&checkpoint, &note, &[key.verifier().to_string()]).await.unwrap();
        session.close().await;
        sandbox.file(&format!("{FILE}.signed"), &note);
        note
    }
}

/// The tiles that are stored: those above the leaves.
fn tiles(rows: &[Row]) -> Vec<(u64, u64, Vec<Hash>)> {
    let (mut edge, mut tiles) = (Edge::new(), Vec::new());
    for row in rows {
        let leaf = leaf_hash(&[b"auditrail/entry/v1\n", &row.entry[..]].concat());
        edge.push(leaf, &mut |level, index, hashes| {
            tiles.push((u64::from(level), index, hashes.to_vec()));
        });
    }
    for level in 0..edge.levels() {
        let index = edge.size() >> (8 * (level + 1));
        tiles.push((level as u64, index, edge.level(level).to_vec()));
    }
    tiles.retain(|(level, _, hashes)| *level > 0 && !hashes.is_empty());
    tiles
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
