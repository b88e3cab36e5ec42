//! What is told while migrations run.

use std::time::Duration;

use auditrail_store::migrate::{Blocker, Event};

use crate::output::Output;
use crate::output::safe;

/// Tells each step as it goes, on stderr.
pub(in crate::cmd) struct Report {
    output: Output,
    verb: &'static str,
    waiting: bool,
    phase: String,
}

impl Report {
    /// `verb` is what happens to a migration, as in "applying".
    pub(in crate::cmd) fn new(output: Output, verb: &'static str) -> Self {
        Self { output, verb, waiting: false, phase: String::new() }
    }

    /// Tells one event.
    pub(in crate::cmd) fn tell(&mut self, event: Event<'_>) {
        match event {
            // It is told each time the runner tries; once is enough.
            Event::WaitingForLock { holder } if !self.waiting => {
                self.waiting = true;
                self.note(&format!("waiting for another migration run: {holder}"));
            }
            Event::Started { migration } => {
                self.phase.clear();
                self.note(&format!("{} {}", self.verb, migration.file()));
            }
            Event::Retrying { migration, attempts, blockers } => self.note(&format!(
                "  {} waits for its table, attempt {attempts}{}",
                migration.file(),
                list(blockers)
            )),
            Event::Building { phase, done, total, .. } => self.building(phase, done, total),
            Event::Healed { index } => {
                self.note(&format!("  removed {index}, left unfinished by an earlier run"));
            }
            Event::FoundReady { index } => {
                self.note(&format!("  {index} is there already, and ready"));
            }
            Event::Finished { took, .. } => self.note(&format!("  done in {}", shown(took))),
            // The runner may learn to tell more; what it tells now is enough.
            _ => {}
        }
    }

    /// A phase is told once, not each time the server looks up.
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

/// Short times in milliseconds, long ones in seconds.
pub(super) fn shown(took: Duration) -> String {
    match took.as_secs() {
        0..10 => format!("{} ms", took.as_millis()),
        seconds => format!("{seconds} s"),
    }
}

fn list(blockers: &[Blocker]) -> String {
    let texts: Vec<String> = blockers.iter().map(ToString::to_string).collect();
    match texts.is_empty() {
        true => String::new(),
        false => format!(", held by {}", texts.join("; ")),
    }
}
