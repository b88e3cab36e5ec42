//! `import`: records from files.
//!
//! A thread reads, decompresses, parses and checks; the next chunk is made while the last one is
//! written. Only three chunks exist at a time, so memory stays small whatever the files hold.

mod cloudtrail;
mod documents;
mod input;
mod lines;
mod ndjson;
mod piece;
mod reader;
mod reject;
mod tally;
mod writer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use auditrail_core::{FieldError, ValidationErrors};
use tokio::sync::mpsc;

use super::Context;
use crate::cli::ImportArgs;
use crate::clock;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::Meter;
use input::STDIN;
use reader::Plan;
use reject::Rejects;
use tally::Tally;
use writer::Writer;

/// Chunks between the reader and the writer: one waits while another is written and a third is made.
const QUEUED_CHUNKS: usize = 1;

/// Imports the files.
pub(super) fn run(cx: &Context, args: &ImportArgs) -> Result<Exit, Error> {
    let bytes = check_files(&args.files)?;
    let tenant = args.tenant.as_deref().map(str::parse).transpose();
    let tenant = tenant.map_err(|error| {
        Error::Invalid(ValidationErrors::from(FieldError::new("--tenant", &error)))
    })?;
    let read = Arc::new(AtomicU64::new(0));
    let plan = Plan {
        files: args.files.clone(),
        format: args.format,
        tenant,
        strict: args.strict,
        keep_rejects: args.rejects.is_some(),
        now: clock::now(),
        read: Arc::clone(&read),
    };
    let rejects = Rejects::new(cx.output, args.rejects.as_deref())?;
    let meter = Meter::bytes(cx.output, bytes);
    let writer = Writer::new(cx.output, &args.files, args.strict, rejects, meter, read);
    let tally = if args.dry_run {
        cx.block_on(import(plan, writer, None))?
    } else {
        cx.with_database(async |database| {
            let bulk = database.bulk_writer().await?;
            import(plan, writer, Some(bulk)).await
        })?
    };
    tally.report(cx.output, args)?;
    Ok(Exit::Done)
}

/// Runs the reader beside the writer.
async fn import(
    plan: Plan,
    mut writer: Writer,
    bulk: Option<auditrail_store::BulkWriter>,
) -> Result<Tally, Error> {
    let (sender, chunks) = mpsc::channel(QUEUED_CHUNKS);
    let reader = std::thread::Builder::new()
        .name("import reader".to_owned())
        .spawn(move || reader::read(&plan, &sender))
        .map_err(|source| Error::Failed {
            code: "thread",
            detail: "cannot start the reader thread".to_owned(),
            source: Some(source.into()),
            hint: None,
        })?;
    let outcome = writer.write_all(chunks, bulk).await;
    let to_the_end = match outcome {
        Ok(to_the_end) => to_the_end,
        Err(error) => {
            writer.abandon();
            return Err(error);
        }
    };
    // A reader that was cut short may wait for its input for ever; nobody waits for it then.
    if to_the_end && reader.join().is_err() {
        return Err(Error::failed("reader", "the reader thread panicked"));
    }
    writer.finish()
}

/// Looks at all files before anything is written; the size of all, where that is known.
fn check_files(files: &[PathBuf]) -> Result<Option<u64>, Error> {
    let is_stdin = |path: &&PathBuf| path.as_os_str() == STDIN;
    if files.iter().filter(is_stdin).count() > 1 {
        return Err(Error::Usage("- (stdin) can be read only once".to_owned()));
    }
    let mut bytes = Some(0);
    for path in files {
        bytes = if is_stdin(&path) {
            None
        } else {
            let size = check_file(path).map_err(Error::io("read", path))?;
            bytes.zip(size).map(|(all, size)| all + size)
        };
    }
    Ok(bytes)
}

/// The size of a regular file that can be opened. Others, such as pipes, are not opened to look:
/// what writes into them would take that for the reading.
fn check_file(path: &Path) -> io::Result<Option<u64>> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        let text = "is a directory; pass the files in it";
        return Err(io::Error::new(io::ErrorKind::IsADirectory, text));
    }
    if !metadata.is_file() {
        return Ok(None);
    }
    fs::File::open(path)?;
    Ok(Some(metadata.len()))
}
