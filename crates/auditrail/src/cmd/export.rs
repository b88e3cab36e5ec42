//! `export`: every matching record, to a file or stdout.

mod destination;
mod form;

use std::time::Duration;

use auditrail_core::Filters;
use futures_util::TryStreamExt;
use serde_json::json;

use super::Context;
use super::filters::filters;
use crate::cli::{ExportArgs, ExportFormat};
use crate::clock;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::{Meter, rate};
use destination::Destination;
use form::Form;

/// Writes the export.
pub(super) fn run(cx: &Context, args: &ExportArgs) -> Result<Exit, Error> {
    let filters = filters(&args.filters, clock::now())?;
    let destination = Destination::open(args.output.as_deref(), args.force)?;
    let format = match args.format {
        ExportFormat::Csv => auditrail_core::ExportFormat::Csv,
        ExportFormat::Ndjson => auditrail_core::ExportFormat::Ndjson,
    };
    let form = Form::new(format, destination);
    let (records, took) =
        cx.with_database(async |database| stream(cx, database, filters, form).await)?;
    let Some(path) = &args.output else {
        return Ok(Exit::Done);
    };
    if cx.output.json {
        cx.output.document(&json!({"file": path, "records": records}))?
    } else {
        cx.output.note(&format!(
            "wrote {records} records to {} ({}/s)",
            path.display(),
            rate(records, took)
        ))
    }
    Ok(Exit::Done)
}

/// Writes record after record; the file gets its name when the last one is on disk.
async fn stream(
    cx: &Context,
    database: &Database,
    filters: Filters,
    mut form: Form,
) -> Result<(u64, Duration), Error> {
    let log = database.log().await?;
    let mut records = std::pin::pin!(log.export(filters));
    let mut meter = Meter::records(cx.output);
    let mut count = 0;
    while let Some(record) = records.try_next().await? {
        form.write(&record)?;
        count += 1;
        meter.tell(0, count);
    }
    form.finish()?;
    Ok((count, meter.finish()))
}
