//! Progress of partition maintenance, on stderr.

use auditrail_store::partitions::Event;

use crate::output::{Output, safe};

/// Prints the events of an operation on stderr.
pub(super) struct ProgressReport {
    output: Output,
}

impl ProgressReport {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }

    /// Prints one event.
    pub(super) fn event(&mut self, event: Event<'_>) {
        let text = match event {
            Event::Step { doing, table } => format!("{doing} {table}"),
            Event::Copied { table, rows } => format!("  {table} has {rows} records so far"),
            Event::Restored { table, rows } => {
                format!("  {rows} records of {table} were inserted with old transaction ids; kept")
            }
            Event::Retrying { doing, attempts, blockers } => {
                let blockers: Vec<String> = blockers.iter().map(ToString::to_string).collect();
                let held = if blockers.is_empty() { "" } else { "; locks are held by " };
                format!("  could not {doing} yet, attempt {attempts}{held}{}", blockers.join(", "))
            }
            // `Event` is non-exhaustive.
            _ => return,
        };
        self.output.note(&safe::text(&text));
    }
}
