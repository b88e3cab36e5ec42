//! What became of an import.

use std::time::Duration;

use serde::Serialize;

use crate::cli::ImportArgs;
use crate::error::Error;
use crate::output::progress::rate;
use crate::output::{Output, safe};

/// Counts.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Tally {
    /// Pieces of input, good and bad.
    pub(super) read: u64,
    /// Records that were written.
    pub(super) created: u64,
    /// Records that were there already.
    pub(super) duplicates: u64,
    /// Pieces that could not become a record, or whose id belongs to another one.
    pub(super) rejected: u64,
    /// Records without a time of their own, which got the time of this run.
    pub(super) without_time: u64,
    /// Chunks that were written.
    pub(super) chunks: u64,
    /// Files that could not be read to their end.
    pub(super) broken: Vec<Broken>,
    /// Whether nothing was to be written.
    pub(super) dry_run: bool,
    /// How long it took.
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    pub(super) took: Duration,
}

/// A file that could not be read to its end.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Broken {
    pub(super) file: String,
    pub(super) reason: String,
}

impl Tally {
    /// What is in by now, for messages about what stopped the rest.
    pub(super) fn so_far(&self) -> String {
        format!(
            "{} in {} committed, {} already present",
            count(self.created, "record"),
            count(self.chunks, "chunk"),
            self.duplicates
        )
    }

    /// Prints the counts. Anything that did not become a record makes it an error.
    pub(super) fn report(&self, output: Output, args: &ImportArgs) -> Result<(), Error> {
        if output.json {
            output.document(self)?
        } else {
            output.line(&self.text())?
        }
        if self.without_time > 0 {
            let records = count(self.without_time, "record");
            output.note(&format!("{records} without a time got the time of this run"));
        }
        if self.rejected == 0 && self.broken.is_empty() {
            return Ok(());
        }
        let mut what = Vec::new();
        if self.rejected > 0 {
            what.push(format!("{} rejected", count(self.rejected, "line")));
        }
        for broken in &self.broken {
            let file = safe::text(&broken.file);
            what.push(format!("cannot read all of {file}: {}", broken.reason));
        }
        let rest = match (args.dry_run, args.strict) {
            (true, _) => "",
            (false, true) => "; its chunk was not written",
            (false, false) => "; all other records were imported",
        };
        Err(Error::Failed {
            code: if self.broken.is_empty() { "lines_rejected" } else { "file_broken" },
            detail: format!("{}{rest}", what.join("; ")),
            source: None,
            hint: Some("fix the input and import it again: the import is idempotent"),
        })
    }

    fn text(&self) -> String {
        let good = self.read - self.rejected;
        if self.dry_run {
            return format!("{} valid; nothing was written (dry run)", count(good, "record"));
        }
        format!(
            "imported {}, {} already present, in {:.1} s ({}/s)",
            count(self.created, "record"),
            self.duplicates,
            self.took.as_secs_f64(),
            rate(good, self.took),
        )
    }
}

fn count(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{s}")
}

fn as_millis<S: serde::Serializer>(took: &Duration, out: S) -> Result<S::Ok, S::Error> {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX).serialize(out)
}
