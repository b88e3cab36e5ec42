//! What could not become a record, and why.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use auditrail_core::InputError;
use serde::Serialize;

use super::piece::{Flaw, Place};
use crate::error::Error;
use crate::output::{Output, safe};

/// So many are shown; all are counted.
const SHOWN_MAX: u64 = 20;

/// A piece of input that could not become a record.
#[derive(Debug)]
pub(super) struct Reject {
    pub(super) place: Place,
    pub(super) reason: Reason,
    /// The bytes, when somebody wants them.
    pub(super) input: Vec<u8>,
}

/// Why.
#[derive(Debug)]
pub(super) struct Reason {
    /// Stable name.
    pub(super) code: &'static str,
    /// For people.
    pub(super) text: String,
}

impl Reason {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl From<Flaw> for Reason {
    fn from(flaw: Flaw) -> Self {
        let code = match flaw {
            Flaw::TooLong { .. } => "line_too_long",
            Flaw::NotAnObject | Flaw::OpenString => "not_json",
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

/// Shows the first rejects, counts all, and writes all to a file when there is one.
pub(super) struct Rejects {
    output: Output,
    file: Option<(PathBuf, BufWriter<File>)>,
    count: u64,
}

impl Rejects {
    /// Makes the file, which must not be there: what an earlier import rejected would be lost.
    pub(super) fn new(output: Output, path: Option<&Path>) -> Result<Self, Error> {
        let file = path.map(|path| {
            let file = OpenOptions::new().write(true).create_new(true).open(path);
            let file = file.map_err(Error::io("make the file for rejected lines,", path))?;
            Ok::<_, Error>((path.to_owned(), BufWriter::new(file)))
        });
        Ok(Self { output, file: file.transpose()?, count: 0 })
    }

    /// Takes one; `file` is where it was found.
    pub(super) fn add(&mut self, file: &str, reject: &Reject) -> Result<(), Error> {
        let Reject { place: Place { line, nth }, reason, input } = reject;
        self.count += 1;
        if self.count <= SHOWN_MAX {
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
            let written = serde_json::to_writer(&mut *out, &row).map_err(std::io::Error::from);
            let written = written.and_then(|()| out.write_all(b"\n"));
            written.map_err(Error::io("write to", path))?;
        }
        Ok(())
    }

    /// Finishes the file, and says how many were not shown.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        if self.count > SHOWN_MAX {
            let more = self.count - SHOWN_MAX;
            let hint = match self.file {
                Some(_) => "",
                None => "; --rejects FILE writes all of them",
            };
            self.output.warn(&format!("{more} more were rejected{hint}"));
        }
        match &mut self.file {
            Some((path, out)) => out.flush().map_err(Error::io("write to", path)),
            None => Ok(()),
        }
    }
}

/// A line of the file of rejects.
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
