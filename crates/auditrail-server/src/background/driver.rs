//! Runs tasks by their schedules.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Outcome, Schedule, StopSignal, Task, TaskStatus};
use crate::clock;

/// Pause before a [`Schedule::Once`] task is retried.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The background tasks of a process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Background(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    tasks: Vec<Running>,
    is_stopped: bool,
}

/// A task that was started.
#[derive(Debug)]
struct Running {
    status: SharedStatus,
    stop: watch::Sender<bool>,
    /// Taken by [`Background::stop`].
    driver: Option<JoinHandle<()>>,
}

type SharedStatus = Arc<Mutex<TaskStatus>>;

/// Wakes a task.
#[derive(Clone, Debug)]
pub struct TaskHandle(Arc<Notify>);

impl TaskHandle {
    /// Lets the task run as soon as its current run, if any, has ended.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

impl Background {
    /// Starts a task. After [`stop`](Self::stop) this does nothing.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start(&self, task: impl Task) -> TaskHandle {
        let wake = Arc::new(Notify::new());
        let handle = TaskHandle(Arc::clone(&wake));
        let mut inner = lock(&self.0);
        if inner.is_stopped {
            return handle;
        }
        let status = Arc::new(Mutex::new(TaskStatus::new(task.name())));
        let (stop, receiver) = watch::channel(false);
        let driver = drive(task, Arc::clone(&status), wake, StopSignal(receiver));
        inner.tasks.push(Running { status, stop, driver: Some(tokio::spawn(driver)) });
        handle
    }

    /// The status of each task, in the order of their start.
    #[must_use]
    pub fn statuses(&self) -> Vec<TaskStatus> {
        lock(&self.0).tasks.iter().map(|task| lock(&task.status).clone()).collect()
    }

    /// Stops the tasks one by one, the last one started first, and waits for their runs in flight. At the end
    /// of the grace period, which all tasks share, the remaining runs are aborted.
    ///
    /// Returns the names of the tasks with an aborted run.
    pub async fn stop(&self, grace: Duration) -> Vec<&'static str> {
        let deadline = Instant::now() + grace;
        let drivers: Vec<_> = {
            let mut inner = lock(&self.0);
            inner.is_stopped = true;
            let tasks = inner.tasks.iter_mut().rev();
            tasks
                .filter_map(|task| {
                    let name = lock(&task.status).name;
                    Some((name, task.stop.clone(), task.driver.take()?))
                })
                .collect()
        };
        let mut aborted = Vec::new();
        for (name, stop, mut driver) in drivers {
            stop.send_replace(true);
            if timeout_at(deadline, &mut driver).await.is_err() {
                tracing::warn!(
                    task = name,
                    "background task aborted at the end of the grace period"
                );
                driver.abort();
                aborted.push(name);
            }
        }
        aborted
    }
}

async fn drive(task: impl Task, status: SharedStatus, wake: Arc<Notify>, stop: StopSignal) {
    let first = match task.schedule() {
        Schedule::Once | Schedule::Every(_) => None,
        Schedule::Delayed { first, .. } => Some(Some(first)),
        Schedule::OnWake => Some(None),
    };
    if let Some(interval) = first
        && !pause(interval, &wake, &stop).await
    {
        return;
    }
    while !stop.is_requested() {
        let succeeded = run(&task, &status, &stop).await;
        let interval = match task.schedule() {
            Schedule::Once if succeeded => return,
            Schedule::Once => Some(RETRY_PAUSE),
            Schedule::Every(interval) | Schedule::Delayed { then: interval, .. } => Some(interval),
            Schedule::OnWake => None,
        };
        if !pause(interval, &wake, &stop).await {
            return;
        }
    }
}

/// Waits for the interval, if there is one, or a wake-up. Returns whether the task goes on.
async fn pause(interval: Option<Duration>, wake: &Notify, stop: &StopSignal) -> bool {
    let elapsed = async {
        match interval {
            Some(interval) => sleep(interval).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = stop.requested() => false,
        () = wake.notified() => true,
        () = elapsed => true,
    }
}

/// Does one run. Returns whether it succeeded.
async fn run(task: &impl Task, status: &SharedStatus, stop: &StopSignal) -> bool {
    lock(status).start_run(clock::now());
    // The task is used again after a panic: it has to keep its state consistent, as behind a mutex.
    let result = AssertUnwindSafe(async { task.run(stop).await }).catch_unwind().await;
    let outcome = match result {
        Ok(Ok(())) => Outcome::Succeeded,
        Ok(Err(error)) => {
            let source = error.source().map(ToString::to_string);
            tracing::error!(task = task.name(), %error, source, "background task failed");
            Outcome::Failed(error.to_string())
        }
        Err(_) => {
            tracing::error!(task = task.name(), "background task panicked");
            Outcome::Panicked
        }
    };
    let succeeded = outcome == Outcome::Succeeded;
    lock(status).end_run(outcome);
    succeeded
}

/// A poisoned lock is fine: no code panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
