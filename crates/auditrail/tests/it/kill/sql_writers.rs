//! Writers in SQL, which commit, roll back, and keep transactions open across those of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::task::JoinSet;

use crate::kill::load::mixed;

const WRITERS: u64 = 3;

/// The transactions of a round by how they ended, each as the target of its records.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    pub(super) committed: Vec<String>,
    pub(super) rolled_back: Vec<String>,
}

/// The running writers.
pub(super) struct SqlWriters {
    tasks: JoinSet<Transactions>,
    ends: Arc<AtomicBool>,
}

impl SqlWriters {
    pub(super) fn start(options: &PgConnectOptions, seed: u64) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            tasks.spawn(write(options.clone(), Arc::clone(&ends), seed, writer));
        }
        Self { tasks, ends }
    }

    pub(super) async fn stop(self) -> Transactions {
        self.ends.store(true, Ordering::Relaxed);
        let mut all = Transactions::default();
        for Transactions { committed, rolled_back } in self.tasks.join_all().await {
            all.committed.extend(committed);
            all.rolled_back.extend(rolled_back);
        }
        all
    }
}

async fn write(
    options: PgConnectOptions,
    ends: Arc<AtomicBool>,
    seed: u64,
    writer: u64,
) -> Transactions {
    let mut done = Transactions::default();
    let mut number = 0;
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    while !ends.load(Ordering::Relaxed) {
        ticks.tick().await;
        let Ok(mut db) = PgConnection::connect_with(&options).await else { continue };
        while !ends.load(Ordering::Relaxed) {
            number += 1;
            let target = format!("sql-{seed}-{writer}-{number}");
            match transaction(&mut db, &target, mixed(seed, number * WRITERS + writer)).await {
                Ok(true) => done.committed.push(target),
                Ok(false) => done.rolled_back.push(target),
                // Killed: it was committed or not.
                Err(_) => break,
            }
        }
    }
    done
}

/// Writes a few records of one target. Returns whether they were committed.
async fn transaction(
    db: &mut PgConnection,
    target: &str,
    random: u64,
) -> Result<bool, sqlx::Error> {
    let records = 1 + random % 5;
    let is_committed = !(random / 5).is_multiple_of(3);
    // Some are open while many others commit.
    let pause = if (random / 15).is_multiple_of(10) { 0.4 } else { 0.002 };
    let end = if is_committed { "commit" } else { "rollback" };
    let sql = format!(
        "begin;
         insert into control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id)
         select 'u1', 'user', 'project.created', 'project', '{target}' from generate_series(1, {records});
         select pg_sleep({pause});
         {end}"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await?;
    Ok(is_committed)
}
