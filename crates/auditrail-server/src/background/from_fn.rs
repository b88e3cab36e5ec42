//! Tasks from closures.

use futures_util::future::BoxFuture;

use super::{Schedule, StopSignal, Task, TaskError};

struct FnTask<F> {
    name: &'static str,
    schedule: Schedule,
    run: F,
}

/// Makes a task of a closure. Its future is dropped at its next await when the task is to stop, so it must
/// be safe to cancel.
pub fn from_fn<F, R>(name: &'static str, schedule: Schedule, run: F) -> impl Task
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), TaskError>> + Send + 'static,
{
    FnTask { name, schedule, run }
}

impl<F, R> Task for FnTask<F>
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), TaskError>> + Send + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn schedule(&self) -> Schedule {
        self.schedule
    }

    fn run<'a>(&'a self, stop: &'a StopSignal) -> BoxFuture<'a, Result<(), TaskError>> {
        let run = (self.run)();
        Box::pin(async move {
            tokio::select! {
                result = run => result,
                () = stop.requested() => Ok(()),
            }
        })
    }
}
