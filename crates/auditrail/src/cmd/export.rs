//! `export`: writes all matching records to a file or stdout.

mod destination;
mod writer;

use std::time::Duration;

use auditrail_core::Filters;
use futures_util::TryStreamExt;
use serde_json::json;

use super::filters::{filters, note_excluded_day};
use crate::cli::{ExportArgs, ExportFormat};
use crate::clock;
use crate::context::Context;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::{Meter, count, rate_in_parentheses};
use destination::Destination;
use writer::ExportWriter;

/// Runs the export.
pub(super) fn run(cx: &Context, args: &ExportArgs) -> Result<Exit, Error> {
    let filters = filters(&args.filters, clock::now())?;
    note_excluded_day(cx.output, &args.filters);
    let destination = Destination::open(args.output.as_deref(), args.force)?;
    let format = match args.format {
        ExportFormat::Csv => auditrail_core::ExportFormat::Csv,
        ExportFormat::Ndjson => auditrail_core::ExportFormat::Ndjson,
    };
    if args.bom && format != auditrail_core::ExportFormat::Csv {
        return Err(Error::Usage(
            "--bom is for CSV alone: NDJSON has no byte order mark".to_owned(),
        ));
    }
    let writer = ExportWriter::new(format, args.bom, destination);
    let (records, elapsed) =
        cx.with_database(async |database| stream(cx, database, filters, writer).await)?;
    let Some(path) = &args.output else {
        return Ok(Exit::Success);
    };
    if cx.output.json {
        cx.output.document(&json!({"file": path, "records": records}))?
    } else {
        cx.output.note(&format!(
            "wrote {} to {}{}",
            count(records, "record"),
            path.display(),
            rate_in_parentheses(records, elapsed)
        ))
    }
    Ok(Exit::Success)
}

/// Streams the records to the writer. The output file is renamed into place after the last one.
async fn stream(
    cx: &Context,
    database: &Database,
    filters: Filters,
    mut writer: ExportWriter,
) -> Result<(u64, Duration), Error> {
    let log = database.log().await?;
    let mut records = std::pin::pin!(log.export(filters));
    let mut meter = Meter::records(cx.output);
    let mut count = 0;
    while let Some(record) = records.try_next().await? {
        writer.write(&record)?;
        count += 1;
        meter.update(0, count);
    }
    writer.finish()?;
    Ok((count, meter.finish()))
}
