//! `import`: imports records from files.
//!
//! A reader thread reads, decompresses, parses and validates; it builds the next chunk while the writer
//! writes the previous one. At most three chunks exist at a time, which bounds the memory use.

mod cloudtrail;
mod documents;
mod files;
mod input;
mod lines;
mod ndjson;
mod occurrences;
mod raw_record;
mod reader;
mod reject;
mod report;
mod times;
mod writer;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use auditrail_core::{FieldError, ValidationErrors};
use tokio::sync::mpsc;

use crate::cli::ImportArgs;
use crate::clock;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::Meter;
use crate::output::safe;
use files::InputFiles;
use reader::ReaderOptions;
use reject::Rejects;
use report::ImportReport;
use writer::Writer;

/// Capacity of the channel between reader and writer: one chunk is queued while another is written and
/// a third is built.
const QUEUED_CHUNKS: usize = 1;

pub(super) fn run(cx: &Context, args: &ImportArgs) -> Result<Exit, Error> {
    if args.source.as_deref() == Some("") {
        return Err(Error::Usage("--source is empty".to_owned()));
    }
    let files = InputFiles::collect(args)?;
    for note in &files.notes {
        cx.output.warn(&safe::text(note));
    }
    let tenant = args.tenant.as_deref().map(str::parse).transpose().map_err(|error| {
        Error::Invalid(ValidationErrors::from(FieldError::new("--tenant", &error)))
    })?;
    let read = Arc::new(AtomicU64::new(0));
    let options = ReaderOptions {
        files: files.paths.clone(),
        format: args.format,
        tenant,
        source: args.source.clone().unwrap_or_default(),
        strict: args.strict,
        keep_rejects: args.rejects.is_some(),
        now: clock::now(),
        read: Arc::clone(&read),
    };
    let rejects = Rejects::new(cx.output, args.rejects.as_deref())?;
    let meter = Meter::bytes(cx.output, files.bytes);
    let writer = Writer::new(cx.output, &files.paths, args.strict, rejects, meter, read);
    let committed = writer.committed();
    let report = if args.dry_run {
        cx.block_on(import(options, writer, None))?
    } else {
        let outcome = cx.with_database(async |database| {
            let bulk = database.bulk_writer().await?;
            import(options, writer, Some(bulk)).await
        });
        outcome.map_err(|error| match error {
            Error::Interrupted => Error::Partial {
                detail: format!("the import was interrupted: {committed}"),
                source: Box::new(Error::Interrupted),
            },
            error => error,
        })?
    };
    report.print(cx.output, args)?;
    Ok(Exit::Success)
}

/// Runs the reader thread and the writer.
async fn import(
    options: ReaderOptions,
    mut writer: Writer,
    bulk: Option<auditrail_store::BulkWriter>,
) -> Result<ImportReport, Error> {
    let (sender, chunks) = mpsc::channel(QUEUED_CHUNKS);
    let reader = std::thread::Builder::new()
        .name("import reader".to_owned())
        .spawn(move || reader::read(&options, &sender))
        .map_err(|source| Error::Failed {
            code: "thread",
            detail: "cannot start the reader thread".to_owned(),
            source: Some(source.into()),
            hint: None,
        })?;
    let is_complete = match writer.write_all(chunks, bulk).await {
        Ok(is_complete) => is_complete,
        Err(error) => {
            writer.abandon();
            return Err(error);
        }
    };
    // After an early stop the reader may be blocked on its input, so it is not joined.
    if is_complete && reader.join().is_err() {
        return Err(Error::failed("reader", "the reader thread panicked"));
    }
    writer.finish()
}
