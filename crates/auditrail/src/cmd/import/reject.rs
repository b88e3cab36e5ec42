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
use crate::output::{Output, safe};

/// Number of rejected records that are printed; all are counted.
const PRINTED_MAX: u64 = 20;

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

/// Prints the first rejected records, counts all, and writes all to the file of `--rejects`.
///
/// The file is renamed into place at the end, so that an interrupted import can be repeated with the same
/// arguments.
pub(super) struct Rejects {
    output: Output,
    file: Option<(PathBuf, BufWriter<NamedTempFile>)>,
    count: u64,
}

impl Rejects {
    /// Creates the file. It must not exist, so that rejects of an earlier import are not overwritten.
    pub(super) fn new(output: Output, path: Option<&Path>) -> Result<Self, Error> {
        let file = path.map(|path| {
            if fs::symlink_metadata(path).is_ok() {
                return Err(Error::exists(path, "choose another file for rejected lines"));
            }
            let file = temporary_beside(path)?;
            Ok((path.to_owned(), BufWriter::new(file)))
        });
        Ok(Self { output, file: file.transpose()?, count: 0 })
    }

    /// Adds a rejected record of `file`.
    pub(super) fn add(&mut self, file: &str, reject: &Reject) -> Result<(), Error> {
        let Reject { position: Position { line, nth }, reason, input } = reject;
        self.count += 1;
        if self.count <= PRINTED_MAX {
            let nth = match nth {
                0 => String::new(),
                nth => format!(" (record {nth})"),
            };
            self.output.warn(&safe::text(&format!("{file}:{line}{nth}: {}", reason.text)));
        }
        if let Some((path, out)) = &mut self.file {
            let row = Row {
                file,
                line: *line,
                record: (*nth > 0).then_some(*nth),
                code: reason.code,
                reason: &reason.text,
                input: String::from_utf8_lossy(input).into_owned(),
            };
            serde_json::to_writer(&mut *out, &row)
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                .map_err(Error::io("write to", path))?;
        }
        Ok(())
    }

    /// Renames the file into place, and prints how many rejected records were not printed.
    pub(super) fn finish(self) -> Result<(), Error> {
        if self.count > PRINTED_MAX {
            let more = self.count - PRINTED_MAX;
            let hint = match self.file {
                Some(_) => "",
                None => "; --rejects FILE writes all of them",
            };
            self.output.warn(&format!("{more} more rejected{hint}"));
        }
        let Some((path, out)) = self.file else {
            return Ok(());
        };
        let file =
            out.into_inner().map_err(|error| Error::io("write to", &path)(error.into_error()))?;
        file.persist_noclobber(&path)
            .map(drop)
            .map_err(|error| Error::io("rename the temporary file to", &path)(error.error))
    }
}

/// A line of the rejects file.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
    code: &'static str,
    reason: &'a str,
    input: String,
}
