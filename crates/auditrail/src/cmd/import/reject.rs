//! Rejected records and their reasons.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use auditrail_core::{InputError, ValueError};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::raw_record::{FramingError, Position};
use crate::error::Error;
use crate::output::file::temporary_beside;
use crate::output::progress::count;
use crate::output::{Output, safe};

/// Number of different reasons that are printed, each with its first record; all records are counted.
const REASONS_MAX: usize = 20;

/// A rejected record.
#[derive(Debug)]
pub(super) struct Reject {
    pub(super) position: Position,
    pub(super) reason: Reason,
    /// The raw bytes; empty unless `--rejects` is given.
    pub(super) input: Vec<u8>,
}

/// The reason for a rejection.
#[derive(Debug)]
pub(super) struct Reason {
    /// Stable identifier for scripts.
    pub(super) code: &'static str,
    /// Human-readable message.
    pub(super) text: String,
}

impl Reason {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// For `map_err`: an invalid value of a field.
    pub(super) fn invalid(field: &'static str) -> impl Fn(ValueError) -> Self {
        move |error| Self::new(error.code().as_str(), format!("{field}: {error}"))
    }
}

impl From<FramingError> for Reason {
    fn from(flaw: FramingError) -> Self {
        let code = match flaw {
            FramingError::TooLong { .. } => "line_too_long",
            FramingError::NotAnObject | FramingError::OpenString => "not_json",
        };
        Self::new(code, flaw.to_string())
    }
}

impl From<InputError> for Reason {
    fn from(error: InputError) -> Self {
        match error {
            InputError::NotJson { column, detail, .. } => {
                Self::new("not_json", format!("not JSON at column {column}: {detail}"))
            }
            InputError::Invalid(errors) => {
                let code = errors.as_slice().first().map_or("invalid", |e| e.code.as_str());
                Self::new(code, errors.to_string())
            }
        }
    }
}

/// Prints the first rejected record of each reason, counts all, and writes all to the file of `--rejects`.
///
/// The file has the raw records, one per line, so that it can be corrected and imported. The reasons are in a
/// second file beside it. Both are renamed into place at the end, so that an interrupted import can be
/// repeated with the same arguments.
pub(super) struct Rejects {
    output: Output,
    files: Option<RejectFiles>,
    groups: Vec<Group>,
    /// Records whose reason is not printed.
    others: u64,
}

/// The records with one reason.
struct Group {
    reason: String,
    /// The first of them.
    first: String,
    /// How many there are after the first.
    more: u64,
}

/// The two files of `--rejects`.
struct RejectFiles {
    records: OutputFile,
    reasons: OutputFile,
    /// Lines in the file of records.
    lines: u64,
}

/// A file that is renamed into place at the end.
struct OutputFile {
    path: PathBuf,
    out: BufWriter<NamedTempFile>,
}

/// The suffix of the file with the reasons.
pub(super) const REASONS_SUFFIX: &str = ".reasons";
/// The start of each line of the file with the reasons.
pub(super) const REASONS_MAGIC: &[u8] = b"{\"rejects_line\":";

impl Rejects {
    /// Creates the files. They must not exist, so that rejects of an earlier import are not overwritten.
    pub(super) fn new(output: Output, path: Option<&Path>) -> Result<Self, Error> {
        let files = path.map(|path| {
            let mut reasons = path.as_os_str().to_owned();
            reasons.push(REASONS_SUFFIX);
            Ok::<_, Error>(RejectFiles {
                records: OutputFile::new(path)?,
                reasons: OutputFile::new(Path::new(&reasons))?,
                lines: 0,
            })
        });
        Ok(Self { output, files: files.transpose()?, groups: Vec::new(), others: 0 })
    }

    /// Adds a rejected record of `file`.
    pub(super) fn add(&mut self, file: &str, reject: &Reject) -> Result<(), Error> {
        let Reject { position: Position { line, nth }, reason, .. } = reject;
        let has_room = self.groups.len() < REASONS_MAX;
        match self.groups.iter_mut().find(|group| group.reason == reason.text) {
            Some(group) => group.more += 1,
            None if has_room => {
                let nth = match nth {
                    0 => String::new(),
                    nth => format!(" (record {nth})"),
                };
                let first = format!("{file}:{line}{nth}");
                self.output.warn(&safe::text(&format!("{first}: {}", reason.text)));
                self.groups.push(Group { reason: reason.text.clone(), first, more: 0 });
            }
            None => self.others += 1,
        }
        match &mut self.files {
            Some(files) => files.add(file, reject),
            None => Ok(()),
        }
    }

    /// Renames the files into place, and prints how many more records each reason has.
    pub(super) fn finish(self) -> Result<(), Error> {
        let hint = match self.files {
            Some(_) => "",
            None => "; --rejects FILE writes all of them",
        };
        for Group { first, more, .. } in self.groups.iter().filter(|group| group.more > 0) {
            let more = count(*more, "more line");
            self.output
                .warn(&safe::text(&format!("{more} rejected for the reason of {first}{hint}")));
        }
        if self.others > 0 {
            let more = count(self.others, "more line");
            self.output.warn(&format!("{more} rejected for other reasons{hint}"));
        }
        let Some(RejectFiles { records, reasons, .. }) = self.files else {
            return Ok(());
        };
        reasons.persist()?;
        records.persist()
    }
}

impl RejectFiles {
    fn add(&mut self, file: &str, reject: &Reject) -> Result<(), Error> {
        let Reject { position: Position { line, nth }, reason, input } = reject;
        // A record that is too long is not kept in memory.
        let is_kept = !input.is_empty();
        if is_kept {
            // Line breaks between the tokens of a pretty-printed record.
            let breaks = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
            let record: Vec<u8> = input.iter().map(breaks).chain([b'\n']).collect();
            self.records.write(&record)?;
            self.lines += 1;
        }
        let row = Row {
            rejects_line: is_kept.then_some(self.lines),
            file,
            line: *line,
            record: (*nth > 0).then_some(*nth),
            code: reason.code,
            reason: &reason.text,
        };
        // Serialising strings does not fail.
        self.reasons.write(&serde_json::to_vec(&row).unwrap_or_default())?;
        self.reasons.write(b"\n")
    }
}

impl OutputFile {
    fn new(path: &Path) -> Result<Self, Error> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(Error::exists(path, "choose another file for rejected lines"));
        }
        Ok(Self { path: path.to_owned(), out: BufWriter::new(temporary_beside(path)?) })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(Error::io("write to", &self.path))
    }

    fn persist(self) -> Result<(), Error> {
        let Self { path, out } = self;
        let file =
            out.into_inner().map_err(|error| Error::io("write to", &path)(error.into_error()))?;
        file.persist_noclobber(&path)
            .map(drop)
            .map_err(|error| Error::io("rename the temporary file to", &path)(error.error))
    }
}

/// A line of the file with the reasons. The first field is [`REASONS_MAGIC`].
#[derive(Serialize)]
struct Row<'a> {
    /// The line in the file of records, or null if the record was not kept.
    rejects_line: Option<u64>,
    file: &'a str,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
    code: &'static str,
    reason: &'a str,
}
