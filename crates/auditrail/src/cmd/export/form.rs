//! How records are written: the bytes of the export, to where it goes.

use std::io::Write;

use auditrail_core::{ExportEncoder, ExportFormat, Record};

use super::destination::Destination;
use crate::error::Error;
use crate::output::safe;

/// An export on its way to its destination.
pub(super) struct Form {
    encoder: ExportEncoder,
    out: Destination,
    buffer: Vec<u8>,
}

impl Form {
    /// JSON is made safe for terminals wherever it goes, since it means the same; a cell of CSV does
    /// not, and is rewritten only when a person looks at it.
    pub(super) fn new(format: ExportFormat, out: Destination) -> Self {
        let encoder = match format {
            ExportFormat::Ndjson => ExportEncoder::rewriting(format, safe::json),
            ExportFormat::Csv if out.is_terminal() => ExportEncoder::rewriting(format, safe::text),
            ExportFormat::Csv => ExportEncoder::new(format),
        };
        Self { encoder, out, buffer: Vec::new() }
    }

    /// Writes one record.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), Error> {
        self.buffer.clear();
        self.encoder.record(record, &mut self.buffer).map_err(self.out.error())?;
        self.out.write_all(&self.buffer).map_err(self.out.error())
    }

    /// Writes what comes after the last record, and finishes the destination.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.buffer.clear();
        self.encoder.finish(&mut self.buffer).map_err(self.out.error())?;
        self.out.write_all(&self.buffer).map_err(self.out.error())?;
        self.out.finish()
    }
}
