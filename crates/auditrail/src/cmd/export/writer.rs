//! Encodes records and writes them to the destination.

use std::io::Write;

use auditrail_core::{ExportEncoder, ExportFormat, Record};

use super::destination::Destination;
use crate::error::Error;
use crate::output::safe;

/// Writes an export to its destination.
pub(super) struct ExportWriter {
    encoder: ExportEncoder,
    out: Destination,
    buffer: Vec<u8>,
}

impl ExportWriter {
    /// Escapes control characters in NDJSON always, since escaped JSON is equivalent; in CSV only for a
    /// terminal, since it would change the data.
    pub(super) fn new(format: ExportFormat, out: Destination) -> Self {
        let encoder = match format {
            ExportFormat::Ndjson => ExportEncoder::rewriting(format, safe::json),
            ExportFormat::Csv if out.is_terminal() => ExportEncoder::rewriting(format, safe::text),
            ExportFormat::Csv => ExportEncoder::new(format),
        };
        Self { encoder, out, buffer: Vec::new() }
    }

    pub(super) fn write(&mut self, record: &Record) -> Result<(), Error> {
        self.buffer.clear();
        self.encoder.record(record, &mut self.buffer).map_err(self.out.error())?;
        self.out.write_all(&self.buffer).map_err(self.out.error())
    }

    /// Writes the manifest, if the format has one, and completes the destination.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.buffer.clear();
        self.encoder.finish(&mut self.buffer).map_err(self.out.error())?;
        self.out.write_all(&self.buffer).map_err(self.out.error())?;
        self.out.finish()
    }
}
