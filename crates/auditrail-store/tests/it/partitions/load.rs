//! Writers that insert records one by one, and count what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use auditrail_testkit::TestDb;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

/// Writers that run until [`Load::stop`].
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    inserted: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Vec<(Uuid, Duration)>>>,
}

/// What the writers did. Each insert succeeded.
#[derive(Debug)]
pub(crate) struct Written {
    /// The ids of the records.
    pub(crate) ids: Vec<Uuid>,
    /// The longest time of an insert.
    pub(crate) worst: Duration,
}

impl Load {
    /// Starts writers whose ids are the values of an SQL expression, such as `default`.
    pub(crate) async fn start(db: &TestDb, writers: usize, id: &str) -> Self {
        let (stop, inserted) = (Arc::default(), Arc::default());
        let mut tasks = Vec::new();
        for _ in 0..writers {
            let connection = db.connect(db.app()).await;
            let (stop, inserted, id) = (Arc::clone(&stop), Arc::clone(&inserted), id.to_owned());
            tasks.push(tokio::spawn(write(connection, id, stop, inserted)));
        }
        Self { stop, inserted, writers: tasks }
    }

    /// Waits until this many more records are written.
    pub(crate) async fn more(&self, count: u64) {
        let until = self.inserted.load(Ordering::Relaxed) + count;
        auditrail_testkit::eventually("more records", async || {
            self.inserted.load(Ordering::Relaxed) >= until
        })
        .await;
    }

    /// Ends the writers.
    pub(crate) async fn stop(self) -> Written {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for writer in self.writers {
            all.extend(writer.await.unwrap());
        }
        let worst = all.iter().map(|(_, took)| *took).max().unwrap_or_default();
        Written { ids: all.into_iter().map(|(id, _)| id).collect(), worst }
    }
}

async fn write(
    mut db: PgConnection,
    id: String,
    stop: Arc<AtomicBool>,
    inserted: Arc<AtomicU64>,
) -> Vec<(Uuid, Duration)> {
    let sql = format!(
        "insert into control_plane.audit_logs (id, actor_id, actor_type, action, target_type, target_id)
         values ({id}, 'writer', 'user', 'project.created', 'project', 'p1')
         returning id"
    );
    let mut written = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        let id: Uuid = sqlx::query_scalar(AssertSqlSafe(sql.clone()))
            .fetch_one(&mut db)
            .await
            .unwrap_or_else(|e| panic!("a write failed: {e}"));
        written.push((id, started.elapsed()));
        inserted.fetch_add(1, Ordering::Relaxed);
    }
    written
}

/// Each id has exactly one record.
pub(crate) async fn assert_all_present(db: &mut PgConnection, ids: &[Uuid]) {
    let found: i64 =
        sqlx::query_scalar("select count(*) from control_plane.audit_logs where id = any ($1)")
            .bind(ids)
            .fetch_one(db)
            .await
            .unwrap();
    assert_eq!(found, i64::try_from(ids.len()).unwrap());
}
