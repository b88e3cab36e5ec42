//! The result of an import.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::cli::ImportArgs;
use crate::error::Error;
use crate::output::progress::{count, rate_in_parentheses};
use crate::output::{Output, safe};

/// The counts of an import; its JSON output.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct ImportReport {
    /// Input records, valid and invalid.
    pub(super) read: u64,
    pub(super) created: u64,
    /// Records that already existed with the same content.
    pub(super) duplicates: u64,
    /// Invalid records, and records whose id exists with different content.
    pub(super) rejected: u64,
    /// Records without a time, which got the time of this run.
    pub(super) without_time: u64,
    /// Records without an id, which got one derived from the line.
    pub(super) derived_ids: u64,
    /// Whether such records may be among the duplicates.
    pub(super) derived_present: bool,
    pub(super) chunks: u64,
    /// Files of which a part could not be read.
    pub(super) broken: Vec<UnreadableFile>,
    pub(super) dry_run: bool,
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    pub(super) took: Duration,
}

/// A file of which a part could not be read.
#[derive(Clone, Debug, Serialize)]
pub(super) struct UnreadableFile {
    pub(super) file: String,
    pub(super) reason: String,
}

/// The committed part of an import that is still running.
#[derive(Debug, Default)]
pub(super) struct Committed {
    created: AtomicU64,
    duplicates: AtomicU64,
    chunks: AtomicU64,
}

impl Committed {
    /// Takes the counts over after a commit.
    pub(super) fn update(&self, report: &ImportReport) {
        self.created.store(report.created, Ordering::Relaxed);
        self.duplicates.store(report.duplicates, Ordering::Relaxed);
        self.chunks.store(report.chunks, Ordering::Relaxed);
    }
}

/// The committed part, for the error of an aborted import.
impl fmt::Display for Committed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |of: &AtomicU64| of.load(Ordering::Relaxed);
        write!(
            f,
            "{} in {} committed, {} already present",
            count(number(&self.created), "record"),
            count(number(&self.chunks), "chunk"),
            number(&self.duplicates)
        )
    }
}

impl ImportReport {
    /// Prints the counts. Returns an error if anything was rejected or unreadable.
    pub(super) fn print(&self, output: Output, args: &ImportArgs) -> Result<(), Error> {
        if output.json {
            output.document(self)?
        } else {
            output.line(&self.text())?
        }
        if self.without_time > 0 {
            let records = count(self.without_time, "record");
            output.note(&format!("{records} without a time got the time of this run"));
        }
        if self.derived_present {
            output.note(
                "lines without an id that were already present are taken for lines of an earlier \
                 import; if they are equal lines of another source, import them with --source NAME",
            );
        }
        if self.rejected == 0 && self.broken.is_empty() {
            return Ok(());
        }
        let mut problems = Vec::new();
        if self.rejected > 0 {
            problems.push(format!("{} rejected", count(self.rejected, "line")));
        }
        for broken in &self.broken {
            let file = safe::text(&broken.file);
            problems.push(format!("cannot read all of {file}: {}", broken.reason));
        }
        let rest = match (args.dry_run, args.strict) {
            (true, _) => "",
            (false, true) => "; its chunk was not written",
            (false, false) => "; all other records were imported",
        };
        Err(Error::Failed {
            code: if self.broken.is_empty() { "lines_rejected" } else { "file_broken" },
            detail: format!("{}{rest}", problems.join("; ")),
            source: None,
            hint: Some(self.hint(args)),
        })
    }

    /// The next step after rejected lines or unreadable files.
    fn hint(&self, args: &ImportArgs) -> &'static str {
        match (self.rejected > 0, &args.rejects) {
            (true, Some(_)) => {
                "correct the lines in the file of --rejects and import that file; the file beside it that \
                 ends in .reasons has their reasons"
            }
            (true, None) => {
                "correct or remove these lines and import the input again: records that are present are \
                 not written twice"
            }
            (false, _) => {
                "correct these files and import the input again: records that are present are not written \
                 twice"
            }
        }
    }

    fn text(&self) -> String {
        let valid = self.read - self.rejected;
        if self.dry_run {
            return format!("{} valid; nothing was written (dry run)", count(valid, "record"));
        }
        format!(
            "imported {}, {} already present, in {:.1} s{}",
            count(self.created, "record"),
            self.duplicates,
            self.took.as_secs_f64(),
            rate_in_parentheses(valid, self.took),
        )
    }
}

fn as_millis<S: serde::Serializer>(took: &Duration, out: S) -> Result<S::Ok, S::Error> {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX).serialize(out)
}
