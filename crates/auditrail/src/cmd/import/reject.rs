//! What could not become a record, and why.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use auditrail_core::InputError;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::piece::{Flaw, Place};
use crate::error::Error;
use crate::output::file::temporary_beside;
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
///
/// The file gets its name at the end: an import that was cut short is run again, and would else find
/// the file in its way.
pub(super) struct Rejects {
    output: Output,
    file: Option<(PathBuf, BufWriter<NamedTempFile>)>,
    count: u64,
}

impl Rejects {
    /// Begins the file, which must not be there: what an earlier import rejected would be lost.
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

    /// Gives the file its name, and says how many were not shown.
    pub(super) fn finish(self) -> Result<(), Error> {
        if self.count > SHOWN_MAX {
            let more = self.count - SHOWN_MAX;
            let hint = match self.file {
                Some(_) => "",
                None => "; --rejects FILE writes all of them",
            };
            self.output.warn(&format!("{more} more rejected{hint}"));
        }
        let Some((path, out)) = self.file else {
            return Ok(());
        };
        let file = out.into_inner().map_err(|error| error.into_error());
        let file = file.map_err(Error::io("write to", &path))?;
        let named = file.persist_noclobber(&path).map_err(|error| error.error);
        named.map(drop).map_err(Error::io("rename the temporary file to", &path))
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
