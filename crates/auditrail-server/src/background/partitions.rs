//! Maintenance of the partitions of the log's table.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use auditrail_store::partitions::{Done, Due, Layout, Limits, Maintenance, PartitionError, silent};
use futures_util::future::BoxFuture;
use tokio::time::{MissedTickBehavior, interval};

use super::{Schedule, StopSignal, Task, TaskError};
use crate::clock;

/// Pause between two looks at the partitions. At 10,000 records per second the hot partition is full after
/// 18 seconds.
const INTERVAL: Duration = Duration::from_secs(5);

/// State of the maintenance, for metrics. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartitionState(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_enabled: AtomicBool,
    is_merge_pending: AtomicBool,
    attached: AtomicI64,
    hot_rows: AtomicI64,
    last_success: AtomicI64,
}

impl PartitionState {
    /// Whether this process maintains the partitions: its maintenance role owns the table, which is
    /// partitioned.
    pub(crate) fn is_enabled(&self) -> bool {
        self.0.is_enabled.load(Ordering::Relaxed)
    }

    /// Whether so many partitions are attached that merges make no pauses.
    pub(super) fn are_far_too_many(&self) -> bool {
        usize::try_from(self.attached())
            .is_ok_and(|attached| attached > Limits::default().far_too_many())
    }

    /// Whether a merge is due or in progress.
    pub(crate) fn is_merge_pending(&self) -> bool {
        self.0.is_merge_pending.load(Ordering::Relaxed)
    }

    /// The number of attached partitions.
    pub(crate) fn attached(&self) -> i64 {
        self.0.attached.load(Ordering::Relaxed)
    }

    /// The estimated number of records in the hot partition.
    pub(crate) fn hot_rows(&self) -> i64 {
        self.0.hot_rows.load(Ordering::Relaxed)
    }

    /// When nothing was due, or what was due was done, in seconds since 1970; 0 before.
    pub(crate) fn last_success(&self) -> i64 {
        self.0.last_success.load(Ordering::Relaxed)
    }

    pub(super) fn observe(&self, due: &Due) {
        let attached = i64::try_from(due.attached()).unwrap_or(i64::MAX);
        self.0.attached.store(attached, Ordering::Relaxed);
        self.0.hot_rows.store(due.hot_rows(), Ordering::Relaxed);
        self.0.is_merge_pending.store(due.merge, Ordering::Relaxed);
    }

    fn succeed(&self) {
        self.0.last_success.store(clock::now().as_second(), Ordering::Relaxed);
    }
}

/// Closes the hot partition when it is full, and merges closed ones, in the one process that gets the lock.
pub(crate) struct PartitionMaintenance {
    maintenance: Maintenance,
    state: PartitionState,
    /// Between two looks at the partitions.
    interval: Duration,
    /// Whether the log says already why nothing is done.
    is_reported: AtomicBool,
}

impl PartitionMaintenance {
    pub(crate) fn new(maintenance: Maintenance, state: PartitionState) -> Self {
        Self { maintenance, state, interval: INTERVAL, is_reported: AtomicBool::new(false) }
    }

    async fn run_once(&self) -> Result<(), TaskError> {
        let due = match self.maintenance.due().await {
            Ok(due) => due,
            Err(error @ (PartitionError::NotOwner { .. } | PartitionError::Citus)) => {
                self.disable(&error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.state.observe(&due);
        if matches!(due.layout, Layout::Plain { .. }) {
            self.disable(&PartitionError::NotPartitioned.to_string());
            return Ok(());
        }
        self.state.0.is_enabled.store(true, Ordering::Relaxed);
        if due.is_any() {
            self.work().await?;
        }
        self.state.succeed();
        Ok(())
    }

    /// Does what is due, and keeps the metrics current meanwhile.
    async fn work(&self) -> Result<(), TaskError> {
        let mut progress = silent;
        // Both are polled all the time: a look waits for the table locks of the work.
        tokio::select! {
            done = self.maintenance.run(&mut progress) => report(done),
            () = self.observe() => Ok(()),
        }
    }

    /// Keeps the metrics current; never completes.
    async fn observe(&self) {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Ok(due) = self.maintenance.due().await {
                self.state.observe(&due);
            }
        }
    }

    fn disable(&self, reason: &str) {
        self.state.0.is_enabled.store(false, Ordering::Relaxed);
        if !self.is_reported.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                reason,
                "partitions are not maintained by this process; set AUDITRAIL_MAINTENANCE_DATABASE_URL, \
                 or run `auditrail partition run` every minute"
            );
        }
    }
}

fn report(done: Result<Done, PartitionError>) -> Result<(), TaskError> {
    match done {
        Ok(done) => {
            for name in &done.closed {
                tracing::info!(partition = name, "closed a partition");
            }
            for name in &done.merged {
                tracing::info!(partition = name, "merged partitions");
            }
            Ok(())
        }
        // Another server does it.
        Err(PartitionError::AnotherProcess) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Task for PartitionMaintenance {
    fn name(&self) -> &'static str {
        "partitions"
    }

    fn schedule(&self) -> Schedule {
        Schedule::Every(self.interval)
    }

    fn run<'a>(&'a self, stop: &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>> {
        // Whatever is interrupted is resumed by the next run, of any process.
        Box::pin(async move {
            tokio::select! {
                result = self.run_once() => result,
                () = stop.requested() => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use auditrail_testkit::TestDb;
    use tokio::time::timeout;

    use super::*;

    /// A look that waits for a lock of the work must not keep the work from releasing it.
    #[tokio::test]
    async fn looks_do_not_stop_the_work() {
        let db = TestDb::migrated().await;
        let limits = Limits { hot_rows: 1, ..Limits::default() };
        let maintenance = Maintenance::new(db.owner()).with_limits(limits);
        let mut task = PartitionMaintenance::new(maintenance, PartitionState::default());
        task.interval = Duration::from_micros(100);
        for closed in 1..=5 {
            db.as_owner(
                "insert into control_plane.audit_logs (id, actor_id, actor_type, action, target_type, target_id)
                 select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || '70008' ||
                            lpad(to_hex(n), 15, '0'))::uuid,
                        'u1', 'user', 'project.created', 'project', 'p1'
                   from generate_series(1, 300) n",
            )
            .await;
            let run = timeout(Duration::from_secs(30), task.run_once()).await;
            run.expect("the work goes on").unwrap();
            assert!(task.state.attached() > closed, "{} attached", task.state.attached());
        }
    }
}
