//! `verify pack`: verifies packs of records, offline.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread::available_parallelism;

use auditrail_evidence::pack::{PackError, PackSource, VerifiedPack, verify};
use serde_json::{Map, Value, json};
use tlog::Policy;

use super::input::{self, cosignatures};
use crate::cli::VerifyPackArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::{Meter, count};
use crate::output::{Output, safe};

/// Most threads: beyond that, decompression is the limit.
const THREADS_MAX: usize = 8;

/// Verifies each pack, and prints the result.
pub(super) fn run(output: Output, args: &VerifyPackArgs) -> Result<Exit, Error> {
    let policy = input::policy(&args.policy)?;
    let mut failed = 0;
    for path in &args.packs {
        let file = path.display().to_string();
        match open(output, &policy, path)? {
            Ok(pack) if output.json => {
                output.line(&safe::json(&document(&file, &pack).to_string()))?;
            }
            Ok(pack) => print(output, &file, &pack)?,
            Err(error) => {
                failed += 1;
                if output.json {
                    let line = json!({"file": file, "valid": false, "error": error.to_string()});
                    output.line(&safe::json(&line.to_string()))?;
                } else {
                    output.warn(&safe::lines(&format!("{file}: not valid: {error}")));
                }
            }
        }
    }
    match failed {
        0 => Ok(Exit::Success),
        _ => Err(Error::VerificationFailed {
            detail: format!("{failed} of {} not valid", count(args.packs.len() as u64, "pack")),
        }),
    }
}

/// Verifies a pack; the inner error is why it is not valid.
fn open(
    output: Output,
    policy: &Policy,
    path: &Path,
) -> Result<Result<VerifiedPack, PackError>, Error> {
    let source = File::open(path).map(Source).map_err(Error::io("read", path))?;
    let threads = available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let mut meter = Meter::records(output);
    let verified = verify(&source, policy, threads, &mut |lines| meter.update(0, lines));
    meter.finish();
    match verified {
        Err(PackError::Io(error)) => Err(Error::io("read", path)(error)),
        Err(error) if !error.is_invalid() => Err(Error::failed("thread", error.to_string())),
        verified => Ok(verified),
    }
}

struct Source(File);

impl PackSource for Source {
    fn size(&self) -> io::Result<u64> {
        self.0.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

/// A line of `--json`.
fn document(file: &str, pack: &VerifiedPack) -> Value {
    let VerifiedPack { checkpoint, range, withheld, erased } = pack;
    let counts = |counts: &std::collections::BTreeMap<auditrail_evidence::FieldName, u64>| {
        let counts = counts.iter().map(|(field, count)| (field.to_string(), json!(count)));
        counts.collect::<Map<_, _>>()
    };
    json!({
        "file": file,
        "valid": true,
        "records": range.records,
        "left": range.left,
        "from_seq": range.from_seq,
        "to_seq": range.to_seq,
        "complete": range.is_complete(),
        "filters": range.filters,
        "withheld": counts(withheld),
        "erased": counts(erased),
        "origin": checkpoint.checkpoint.origin(),
        "size": checkpoint.checkpoint.size(),
        "root": checkpoint.checkpoint.root().to_string(),
        "cosignatures": cosignatures(checkpoint),
    })
}

fn print(output: Output, file: &str, pack: &VerifiedPack) -> Result<(), Error> {
    let VerifiedPack { checkpoint, range, withheld, erased } = pack;
    let (origin, size) = (checkpoint.checkpoint.origin(), checkpoint.checkpoint.size());
    let cosignatures = count(checkpoint.cosignatures.len() as u64, "cosignature");
    let records = count(range.records, "record");
    let (from, to) = (range.from_seq, range.to_seq);
    let mut lines = vec![
        format!("{file}: valid"),
        format!("  {records} of {origin}, under the checkpoint of size {size} with {cosignatures}"),
    ];
    if range.is_complete() {
        lines.push(format!("  complete: every seq from {from} to {to} is there"));
    } else {
        lines.push(format!(
            "  not complete: seq {from} to {to} with filters, so other records of the range may match them too"
        ));
    }
    for (name, value) in &range.filters {
        let value = value.as_deref().unwrap_or("(withheld)");
        lines.push(format!("  filter, as the pack says: {name}={value}"));
    }
    if range.left > 0 {
        let left = count(range.left, "record");
        lines.push(format!("  {left} had left the log, and have only their entry"));
    }
    for (what, counts) in [("withheld", withheld), ("erased", erased)] {
        for (field, number) in counts {
            lines.push(format!("  {what}: {field} of {}", count(*number, "record")));
        }
    }
    lines.iter().try_for_each(|line| output.line(&safe::text(line)))
}
