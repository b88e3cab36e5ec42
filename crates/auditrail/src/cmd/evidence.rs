//! `evidence export`: writes records into a pack that can be verified offline.

mod filters;
mod pack;

use std::fs::{self, File};
use std::path::Path;

use auditrail_evidence::pack::PackRange;
use serde_json::json;
use tlog::{Accepted, Policy, SignedNote};

use super::filters::note_excluded_day;
use crate::cli::EvidenceExportArgs;
use crate::context::Context;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::{count, rate_in_parentheses};
use crate::{clock, output};
use filters::PackFilters;
use pack::{Pack, Sources};

/// Runs the export.
pub(super) fn run(cx: &Context, args: &EvidenceExportArgs) -> Result<Exit, Error> {
    let filters = PackFilters::of(&args.filters, &args.withhold, clock::now())?;
    note_excluded_day(cx.output, &args.filters);
    let path = &args.output;
    if fs::symlink_metadata(path).is_ok() {
        return Err(Error::exists(path, "choose another file: a pack replaces none"));
    }
    let policy_path = &args.policy.file;
    let policy = fs::read(policy_path).map_err(Error::io("read", policy_path))?;
    let parsed = Policy::parse(&policy).map_err(|error| Error::VerificationFailed {
        detail: format!("{}: {error}", policy_path.display()),
    })?;
    let export = async |database: &Database| {
        let log = database.log().await?;
        let (note, accepted) = checkpoint(log.checkpoint(None).await?, &parsed)?;
        let range = range(args, accepted.checkpoint.size(), &filters)?;
        let sources = Sources { log: &log, filters: &filters, policy: &policy, note: &note };
        let pack = Pack::create(path)?;
        pack.write(cx.output, &sources, &accepted.checkpoint, range).await
    };
    let (range, elapsed) = cx.with_database(export)?;
    if cx.output.json {
        let document = json!({
            "file": path,
            "records": range.records,
            "left": range.left,
            "from_seq": range.from_seq,
            "to_seq": range.to_seq,
            "complete": range.is_complete(),
        });
        cx.output.document(&document)?;
        return Ok(Exit::Success);
    }
    let complete = if range.is_complete() { "complete" } else { "not complete, with filters" };
    cx.output.note(&format!(
        "wrote {} from seq {} to {} ({complete}) to {}{}",
        count(range.records, "record"),
        range.from_seq,
        range.to_seq,
        path.display(),
        rate_in_parentheses(range.records, elapsed)
    ));
    Ok(Exit::Success)
}

/// The newest checkpoint, if the policy trusts it.
fn checkpoint(note: Option<String>, policy: &Policy) -> Result<(String, Accepted), Error> {
    let Some(note) = note else {
        return Err(Error::Failed {
            code: "no_checkpoint",
            detail: "the log has no signed checkpoint yet, so nothing can be proved".to_owned(),
            source: None,
            hint: Some("`auditrail serve` signs checkpoints; see `auditrail log-key --help`"),
        });
    };
    let accepted = SignedNote::parse(note.as_bytes())
        .map_err(|error| error.to_string())
        .and_then(|parsed| policy.verify(&parsed).map_err(|error| error.to_string()));
    let accepted = accepted.map_err(|error| Error::VerificationFailed {
        detail: format!("the newest checkpoint of the log is not valid under the policy: {error}"),
    })?;
    Ok((note, accepted))
}

/// The range of the pack, without the numbers of records.
fn range(args: &EvidenceExportArgs, size: u64, filters: &PackFilters) -> Result<PackRange, Error> {
    let Some(last) = size.checked_sub(1) else {
        return Err(Error::failed("no_records", "the checkpoint has no records yet"));
    };
    let (from_seq, to_seq) = (args.from_seq, args.to_seq.unwrap_or(last));
    if to_seq > last {
        return Err(Error::Usage(format!(
            "--to-seq {to_seq} is after the last record of the checkpoint, which has seq {last}"
        )));
    }
    if from_seq > to_seq {
        return Err(Error::Usage(format!(
            "--from-seq {from_seq} is after the last record of the pack, which has seq {to_seq}"
        )));
    }
    Ok(PackRange { from_seq, to_seq, filters: filters.shown(), records: 0, left: 0 })
}

/// Makes the name of a file durable.
fn sync_directory(path: &Path) -> Result<(), Error> {
    let dir = output::file::directory_of(path);
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(Error::io("write to the directory of", path))
}
