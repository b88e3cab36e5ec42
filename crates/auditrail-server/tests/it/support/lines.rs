//! Log lines of a service.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

/// Collects the log lines of one thread, as their fields.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    of: ThreadId,
    collected: Arc<Mutex<Vec<String>>>,
}

impl Lines {
    /// Collects from now on, once per process. A test runtime has one thread, so the lines of its service are those
    /// of this thread. The subscriber is global all the same: the interest of a thread-local one is lost when another
    /// thread registers a callsite first.
    pub(crate) fn collect() -> Self {
        let lines = Self { of: thread::current().id(), collected: Arc::default() };
        tracing::subscriber::set_global_default(lines.clone()).unwrap();
        tracing::callsite::rebuild_interest_cache();
        lines
    }

    /// The lines so far.
    pub(crate) fn collected(&self) -> Vec<String> {
        self.collected.lock().unwrap().clone()
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // From other crates only the default level.
        metadata.target().starts_with("auditrail_server") || *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        if thread::current().id() == self.of {
            self.collected.lock().unwrap().push(line.0);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
