//! Schedules, failures and stopping of tasks. Tests wait for events, never for a fixed time.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::mpsc;

use super::*;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(1);

/// A task that reports each run, and then does what `work` does.
struct Probe<F> {
    name: &'static str,
    schedule: Schedule,
    runs: AtomicU32,
    started: mpsc::UnboundedSender<&'static str>,
    work: F,
}

impl<F> Task for Probe<F>
where
    F: for<'a> Fn(u32, &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>>,
    F: Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn schedule(&self) -> Schedule {
        self.schedule
    }

    fn run<'a>(&'a self, stop: &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>> {
        let number = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        self.started.send(self.name).unwrap();
        (self.work)(number, stop)
    }
}

type Started = mpsc::UnboundedReceiver<&'static str>;

fn probe<F>(name: &'static str, schedule: Schedule, work: F) -> (Probe<F>, Started)
where
    F: for<'a> Fn(u32, &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>>,
{
    let (started, receiver) = mpsc::unbounded_channel();
    (Probe { name, schedule, runs: AtomicU32::new(0), started, work }, receiver)
}

fn succeed(_: u32, _: &StopSignal) -> BoxFuture<'_, Result<(), TaskError>> {
    Box::pin(std::future::ready(Ok(())))
}

#[tokio::test]
async fn a_panicking_task_is_reported_and_runs_again() {
    fn panic_first(number: u32, _: &StopSignal) -> BoxFuture<'_, Result<(), TaskError>> {
        assert!(number > 1, "the first run panics");
        Box::pin(async { Ok(()) })
    }
    let background = Background::default();
    let (task, mut started) = probe("panics", Schedule::Every(SHORT), panic_first);
    background.start(task);
    for _ in 0..3 {
        started.recv().await.unwrap();
    }
    assert_eq!(background.stop(LONG).await, Vec::<&str>::new());
    let status = &background.statuses()[0];
    assert_eq!((status.panicked, status.failed, status.running), (1, 0, false));
    assert!(status.succeeded >= 2);
    assert_eq!(status.last_outcome, Some(Outcome::Succeeded));
}

#[tokio::test]
async fn a_failed_run_is_reported_with_its_error() {
    fn fail(_: u32, _: &StopSignal) -> BoxFuture<'_, Result<(), TaskError>> {
        Box::pin(async { Err("no luck".into()) })
    }
    let background = Background::default();
    let (task, mut started) = probe("fails", Schedule::Every(LONG), fail);
    background.start(task);
    started.recv().await.unwrap();
    background.stop(LONG).await;
    let status = &background.statuses()[0];
    assert_eq!((status.failed, status.succeeded), (1, 0));
    assert_eq!(status.last_outcome, Some(Outcome::Failed("no luck".to_owned())));
    assert!(status.last_start.is_some());
}

#[tokio::test]
async fn stop_waits_for_the_run_in_flight() {
    fn finish_after_stop(_: u32, stop: &StopSignal) -> BoxFuture<'_, Result<(), TaskError>> {
        Box::pin(async {
            stop.requested().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(())
        })
    }
    let background = Background::default();
    let (task, mut started) = probe("slow", Schedule::Once, finish_after_stop);
    background.start(task);
    started.recv().await.unwrap();
    assert!(background.statuses()[0].running);
    assert_eq!(background.stop(LONG).await, Vec::<&str>::new());
    let status = &background.statuses()[0];
    assert_eq!((status.succeeded, status.running), (1, false));
}

#[tokio::test]
async fn stop_aborts_a_run_at_the_end_of_the_grace_period() {
    fn hang(_: u32, _: &StopSignal) -> BoxFuture<'_, Result<(), TaskError>> {
        Box::pin(std::future::pending())
    }
    let background = Background::default();
    let (task, mut started) = probe("hangs", Schedule::Once, hang);
    background.start(task);
    started.recv().await.unwrap();
    assert_eq!(background.stop(SHORT).await, ["hangs"]);
}

#[tokio::test]
async fn tasks_stop_in_reverse_order_of_their_start() {
    let background = Background::default();
    let (stopped, mut order) = mpsc::unbounded_channel();
    let mut started = Vec::new();
    for name in ["first", "second", "third"] {
        let stopped = stopped.clone();
        let (task, receiver) = probe(name, Schedule::Once, move |_, stop: &StopSignal| {
            let (stopped, stop) = (stopped.clone(), stop.clone());
            let run: BoxFuture<'_, Result<(), TaskError>> = Box::pin(async move {
                stop.requested().await;
                stopped.send(name).unwrap();
                Ok(())
            });
            run
        });
        background.start(task);
        started.push(receiver);
    }
    for receiver in &mut started {
        receiver.recv().await.unwrap();
    }
    background.stop(LONG).await;
    for name in ["third", "second", "first"] {
        assert_eq!(order.recv().await, Some(name));
    }
}

#[tokio::test]
async fn a_wake_up_ends_the_pause() {
    let background = Background::default();
    let (task, mut every) = probe("every", Schedule::Every(LONG), succeed);
    let handle = background.start(task);
    every.recv().await.unwrap();
    handle.wake();
    every.recv().await.unwrap();
    let (task, mut on_wake) = probe("on_wake", Schedule::OnWake, succeed);
    let handle = background.start(task);
    tokio::task::yield_now().await;
    assert!(on_wake.try_recv().is_err());
    handle.wake();
    on_wake.recv().await.unwrap();
    background.stop(LONG).await;
}

#[tokio::test]
async fn a_task_started_after_stop_does_not_run() {
    let background = Background::default();
    background.stop(LONG).await;
    let (task, mut started) = probe("late", Schedule::Once, succeed);
    background.start(task);
    assert_eq!(started.recv().await, None);
    assert_eq!(background.statuses(), []);
}
