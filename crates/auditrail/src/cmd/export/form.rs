//! How records are written: CSV, or NDJSON with a manifest.

use std::borrow::Cow;
use std::io::{self, Write};

use auditrail_core::Record;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::destination::Destination;
use crate::error::Error;
use crate::output::safe;

/// The one key of a manifest line. No record has a field of this name.
pub(crate) const MANIFEST_KEY: &str = "auditrail_manifest";

/// The columns of CSV, in the order of the table.
const HEADER: [&str; 12] = [
    "id",
    "actor_id",
    "actor_type",
    "action",
    "target_type",
    "target_id",
    "metadata",
    "ip_address",
    "user_agent",
    "created_at",
    "tenant_id",
    "request_id",
];

/// Either form.
pub(super) enum Form {
    Csv(Box<Csv>),
    Ndjson(Box<Ndjson>),
}

impl Form {
    /// Writes one record.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), Error> {
        match self {
            Self::Csv(csv) => csv.write(record),
            Self::Ndjson(ndjson) => ndjson.write(record),
        }
    }

    /// Writes what comes after the last record, and finishes the destination.
    pub(super) fn finish(self) -> Result<(), Error> {
        match self {
            Self::Csv(csv) => csv.finish(),
            Self::Ndjson(ndjson) => ndjson.finish(),
        }
    }
}

/// Comma-separated values (RFC 4180), with a header.
pub(super) struct Csv {
    out: csv::Writer<Destination>,
    terminal: bool,
    begun: bool,
}

impl Csv {
    pub(super) fn new(destination: Destination, terminal: bool) -> Self {
        Self { out: csv::Writer::from_writer(destination), terminal, begun: false }
    }

    fn write(&mut self, record: &Record) -> Result<(), Error> {
        self.begin()?;
        let text = |value: Option<String>| value.unwrap_or_default();
        let cells: [Cow<'_, str>; 12] = [
            record.id.to_string().into(),
            record.actor.id().into(),
            record.actor.actor_type().as_str().into(),
            record.action.as_str().into(),
            record.target.target_type.as_str().into(),
            record.target.target_id.as_str().into(),
            record.metadata.as_ref().map_or("", |metadata| metadata.as_str()).into(),
            text(record.ip_address.map(|ip| ip.to_string())).into(),
            text(record.user_agent.as_ref().map(ToString::to_string)).into(),
            record.created_at.to_string().into(),
            text(record.tenant_id.as_ref().map(ToString::to_string)).into(),
            text(record.request_id.as_ref().map(ToString::to_string)).into(),
        ];
        for cell in &cells {
            let cell = neutral(cell);
            let cell = match self.terminal {
                true => Cow::Owned(safe::text(&cell).into_owned()),
                false => cell,
            };
            self.out.write_field(cell.as_bytes()).map_err(failed)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(failed)
    }

    fn begin(&mut self) -> Result<(), Error> {
        if !self.begun {
            self.begun = true;
            self.out.write_record(HEADER).map_err(failed)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        self.begin()?;
        let destination = self.out.into_inner();
        let error = |error: csv::IntoInnerError<_>| {
            Error::stdout(io::Error::new(error.error().kind(), error.to_string()))
        };
        destination.map_err(error)?.finish()
    }
}

/// A cell that no spreadsheet takes for a formula: one that starts like one gets an apostrophe.
fn neutral(cell: &str) -> Cow<'_, str> {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

fn failed(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Error::stdout(error),
        other => Error::failed("csv", format!("could not write CSV: {other:?}")),
    }
}

/// A JSON object per line, and the manifest.
pub(super) struct Ndjson {
    out: Destination,
    line: Vec<u8>,
    hash: Sha256,
    count: u64,
    first: Option<Mark>,
    last: Option<Mark>,
}

impl Ndjson {
    pub(super) fn new(destination: Destination) -> Self {
        Self {
            out: destination,
            line: Vec::new(),
            hash: Sha256::new(),
            count: 0,
            first: None,
            last: None,
        }
    }

    fn write(&mut self, record: &Record) -> Result<(), Error> {
        let text = serde_json::to_string(record).map_err(|error| self.out.error()(error.into()))?;
        self.line.clear();
        self.line.extend_from_slice(safe::json(&text).as_bytes());
        self.line.push(b'\n');
        self.hash.update(&self.line);
        self.out.write_all(&self.line).map_err(self.out.error())?;
        let mark = Mark { created_at: record.created_at.to_string(), id: record.id.to_string() };
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(mark.clone());
        }
        self.last = Some(mark);
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        let digest = self.hash.finalize();
        let manifest = Manifest {
            version: 1,
            records: self.count,
            first: self.first,
            last: self.last,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        let mut line = serde_json::json!({MANIFEST_KEY: manifest}).to_string();
        line.push('\n');
        self.out.write_all(line.as_bytes()).map_err(self.out.error())?;
        self.out.finish()
    }
}

/// What the last line says about the lines before it.
#[derive(Serialize)]
struct Manifest {
    /// Version of this form.
    version: u32,
    /// How many records there are.
    records: u64,
    /// The first record.
    first: Option<Mark>,
    /// The last record.
    last: Option<Mark>,
    /// SHA-256 of every byte before this line.
    sha256: String,
}

/// Names a record.
#[derive(Clone, Serialize)]
struct Mark {
    created_at: String,
    id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_look_like_formulas_are_neutralised() {
        for cell in ["=1+1", "+1", "-1", "@x", "\tx", "\rx"] {
            assert_eq!(neutral(cell), format!("'{cell}"));
        }
        for cell in ["", "a=1", "1-1", "{\"a\":1}", " =1"] {
            assert_eq!(neutral(cell), cell);
        }
    }
}
