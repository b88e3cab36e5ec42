//! Encodes records and writes them to the destination.

use std::io::Write;

use auditrail_core::{BYTE_ORDER_MARK, ExportEncoder, ExportFormat, Record};

use super::destination::Destination;
use crate::error::Error;
use crate::output::safe;

/// Writes an export to its destination.
pub(super) struct ExportWriter {
    encoder: ExportEncoder,
    out: Destination,
    /// What is not written yet; empty after each record.
    buffer: Vec<u8>,
}

impl ExportWriter {
    /// Escapes control characters in NDJSON always, since escaped JSON is equivalent; in CSV only for a
    /// terminal, since it would change the data.
    ///
    /// With `bom` the output starts with a byte order mark.
    pub(super) fn new(format: ExportFormat, bom: bool, out: Destination) -> Self {
        let encoder = match format {
            ExportFormat::Ndjson => ExportEncoder::rewriting(format, safe::json),
            ExportFormat::Csv if out.is_terminal() => ExportEncoder::rewriting(format, safe::text),
            ExportFormat::Csv => ExportEncoder::new(format),
        };
        let start = if bom { BYTE_ORDER_MARK } else { &[] };
        Self { encoder, out, buffer: start.to_vec() }
    }

    pub(super) fn write(&mut self, record: &Record) -> Result<(), Error> {
        self.encoder.record(record, &mut self.buffer).map_err(self.out.error())?;
        self.out.write_all(&self.buffer).map_err(self.out.error())?;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the manifest, if the format has one, and completes the destination.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.encoder.finish(&mut self.buffer).map_err(self.out.error())?;
        self.out.write_all(&self.buffer).map_err(self.out.error())?;
        self.out.finish()
    }
}
