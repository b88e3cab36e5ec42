//! Writers of each kind.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// What was committed.
#[derive(Debug, Default)]
pub(super) struct Tally {
    committed: Mutex<Vec<Uuid>>,
    pub(super) transactions: AtomicU64,
    /// The partition to write to that will be dropped, from 1.
    pub(super) partition: AtomicU64,
    pub(super) partitions_dropped: AtomicU64,
}

impl Tally {
    fn add(&self, ids: impl IntoIterator<Item = Uuid>) {
        self.transactions.fetch_add(1, Relaxed);
        self.committed.lock().unwrap().extend(ids);
    }

    pub(super) fn committed(&self) -> Vec<Uuid> {
        self.committed.lock().unwrap().clone()
    }

    /// Whether the record with an id was dropped, or may have been, with its partition.
    pub(super) fn in_dropped_partitions(&self) -> impl Fn(Uuid) -> bool {
        |id| id.as_u128() >= FIRST_PARTITION
    }
}

/// The lowest id of the partitions that will be dropped.
const FIRST_PARTITION: u128 = 0xf << 124;
/// The ids of each of them.
const PARTITION_IDS: u128 = 1 << 104;

/// The ids of a partition that will be dropped, from its first to that of the next one.
pub(super) fn bounds(partition: u64) -> (Uuid, Uuid) {
    let first = FIRST_PARTITION + u128::from(partition) * PARTITION_IDS;
    (Uuid::from_u128(first), Uuid::from_u128(first + PARTITION_IDS))
}

/// Random numbers (xorshift*), different for each writer.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, max: u64) -> u64 {
        self.next() % max
    }

    /// Ids outside of the partitions that will be dropped.
    fn ids(&mut self) -> Vec<Uuid> {
        let count = 1 + self.below(40);
        let id = |random: &mut Self| u128::from(random.next()) << 64 | u128::from(random.next());
        (0..count).map(|_| Uuid::from_u128(id(self) % FIRST_PARTITION)).collect()
    }

    fn pause(&mut self, max: Duration) -> Duration {
        max.mul_f64(self.below(1_000) as f64 / 1_000.0)
    }
}

/// Writes transactions one after the other, over one connection.
pub(super) async fn write_until(
    writer: u64,
    options: PgConnectOptions,
    tally: Arc<Tally>,
    straggler: Duration,
    until: Instant,
) {
    let mut db = PgConnection::connect_with(&options).await.unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (writer << 32 | 1));
    let mut number = 0;
    while Instant::now() < until {
        number += 1;
        let ids = random.ids();
        match random.below(20) {
            0..=8 => insert(&mut db, &ids).await,
            9..=11 => {
                savepoints(&mut db, &ids, &random.ids()).await;
            }
            12..=13 => {
                run(&mut db, "begin").await;
                insert(&mut db, &ids).await;
                run(&mut db, "rollback").await;
                continue;
            }
            14..=15 => {
                run(&mut db, "begin").await;
                let (first, last) = ids.split_at(ids.len() / 2);
                insert(&mut db, first).await;
                sleep(random.pause(straggler)).await;
                insert(&mut db, last).await;
                run(&mut db, "commit").await;
            }
            16..=17 => {
                let name = format!("w{writer}_{number}");
                run(&mut db, "begin").await;
                insert(&mut db, &ids).await;
                run(&mut db, &format!("prepare transaction '{name}'")).await;
                sleep(random.pause(straggler)).await;
                if random.below(3) == 0 {
                    run(&mut db, &format!("rollback prepared '{name}'")).await;
                    continue;
                }
                run(&mut db, &format!("commit prepared '{name}'")).await;
            }
            _ => {
                let partition = tally.partition.load(Relaxed);
                let first = bounds(partition).0.as_u128() + u128::from(random.next());
                let ids: Vec<_> = (0..5).map(|n| Uuid::from_u128(first + n)).collect();
                // The partition may have been dropped.
                if partition > 0 && try_insert(&mut db, &ids).await.is_ok() {
                    tally.add(ids);
                }
                continue;
            }
        }
        tally.add(ids);
    }
}

/// Writes some records and rolls others back to a savepoint, also within a subtransaction.
async fn savepoints(db: &mut PgConnection, ids: &[Uuid], discarded: &[Uuid]) {
    let (first, last) = ids.split_at(ids.len() / 2);
    run(db, "begin; savepoint a").await;
    insert(db, first).await;
    run(db, "release a; savepoint b").await;
    insert(db, discarded).await;
    run(db, "rollback to b; savepoint c; savepoint d").await;
    insert(db, last).await;
    run(db, "commit").await;
}

async fn insert(db: &mut PgConnection, ids: &[Uuid]) {
    try_insert(db, ids).await.unwrap();
}

async fn try_insert(db: &mut PgConnection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into control_plane.audit_logs
             (id, actor_id, actor_type, action, target_type, target_id)
         select id, 'u1', 'user', 'project.created', 'project', 'p1' from unnest($1::uuid[]) id",
    )
    .bind(ids)
    .execute(db)
    .await
    .map(drop)
}

async fn run(db: &mut PgConnection, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(db).await.unwrap();
}
