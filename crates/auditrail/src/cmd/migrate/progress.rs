//! Progress of migrations, on stderr.

use std::time::Duration;

use auditrail_store::migrate::{Blocker, Event};

use crate::output::Output;
use crate::output::safe;

/// Prints the events of a migration run on stderr.
pub(in crate::cmd) struct ProgressReport {
    output: Output,
    verb: &'static str,
    waiting: bool,
    phase: String,
}

impl ProgressReport {
    /// `verb` is printed before the name of a migration, such as "applying".
    pub(in crate::cmd) fn new(output: Output, verb: &'static str) -> Self {
        Self { output, verb, waiting: false, phase: String::new() }
    }

    /// Prints one event.
    pub(in crate::cmd) fn event(&mut self, event: Event<'_>) {
        match event {
            // The event repeats with each attempt; it is printed once.
            Event::WaitingForLock { holder } if !self.waiting => {
                self.waiting = true;
                self.note(&format!("waiting for another migration run: {holder}"));
            }
            Event::Started { migration } => {
                self.phase.clear();
                self.note(&format!("{} {}", self.verb, migration.file()));
            }
            Event::Retrying { migration, attempts, blockers } => self.note(&format!(
                "  {} is waiting for its table lock, attempt {attempts}{}",
                migration.file(),
                list(blockers)
            )),
            Event::Building { phase, done, total, .. } => self.building(phase, done, total),
            Event::Healed { index } => {
                self.note(&format!("  removed the invalid index {index} of an interrupted run"));
            }
            Event::FoundReady { index } => {
                self.note(&format!("  index {index} already exists and is valid"));
            }
            Event::Finished { took, .. } => {
                self.note(&format!("  done in {}", format_duration(took)))
            }
            // `Event` is non-exhaustive.
            _ => {}
        }
    }

    /// Prints each phase once, although the event repeats with every poll.
    fn building(&mut self, phase: &str, done: i64, total: i64) {
        if self.phase != phase {
            phase.clone_into(&mut self.phase);
            let part = match total {
                0 => String::new(),
                total => format!(" ({done} of {total})"),
            };
            self.note(&format!("  {phase}{part}"));
        }
    }

    fn note(&self, text: &str) {
        self.output.note(&safe::text(text));
    }
}

/// Formats durations below ten seconds in milliseconds, longer ones in seconds.
pub(super) fn format_duration(took: Duration) -> String {
    match took.as_secs() {
        0..10 => format!("{} ms", took.as_millis()),
        seconds => format!("{seconds} s"),
    }
}

fn list(blockers: &[Blocker]) -> String {
    let texts: Vec<String> = blockers.iter().map(ToString::to_string).collect();
    if texts.is_empty() { String::new() } else { format!(", held by {}", texts.join("; ")) }
}
