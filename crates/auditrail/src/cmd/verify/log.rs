//! `verify log`: verifies a whole log.

use serde_json::json;
use tlog::{Accepted, Policy};

use super::input::{self, Named, cosignatures, invalid};
use super::source::Source;
use super::tree::{self, Found};
use crate::cli::VerifyLogArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::{Meter, count};
use crate::output::{Output, safe};

/// A log that was verified.
struct Verified {
    checkpoint: Accepted,
    /// The checkpoint with its signatures, to be kept.
    note: String,
    /// Tiles of hashes that were compared.
    found: Found,
}

/// Verifies the log, and prints the result.
pub(super) fn run(output: Output, args: &VerifyLogArgs) -> Result<Exit, Error> {
    let policy = input::policy(&args.policy)?;
    let kept = args.since.iter().map(|path| Named::read(&policy, path));
    let kept = kept.collect::<Result<Vec<_>, _>>()?;
    let source = Source::open(&args.source, &args.http)?;
    let verified = input::runtime()?.block_on(verify(output, &policy, &source, &kept));
    if let (true, Err(Error::VerificationFailed { detail })) = (output.json, &verified) {
        let line = json!({"source": source.name(), "valid": false, "error": detail});
        output.line(&safe::json(&line.to_string()))?;
    }
    print(output, source.name(), &kept, &verified?)?;
    Ok(Exit::Success)
}

async fn verify(
    output: Output,
    policy: &Policy,
    source: &Source,
    kept: &[Named],
) -> Result<Verified, Error> {
    let name = format!("the checkpoint of {}", source.name());
    let bytes = source.checkpoint().await?;
    let accepted = input::accepted(policy, &name, &bytes)?;
    let checkpoint = &accepted.checkpoint;
    for named in kept {
        continues(&accepted, named)?;
    }
    let mut meter = Meter::entries(output, checkpoint.size());
    let found = tree::verify(source, checkpoint, kept, &mut meter).await;
    meter.finish();
    let note = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Verified { found: found?, note, checkpoint: accepted })
}

/// What checkpoints alone show, before anything else is read.
fn continues(log: &Accepted, kept: &Named) -> Result<(), Error> {
    let (new, old) = (&log.checkpoint, &kept.accepted.checkpoint);
    let (file, size) = (&kept.file, new.size());
    if new.origin() != old.origin() {
        return Err(invalid(format!(
            "{file} is a checkpoint of {}; the log is {}",
            old.origin(),
            new.origin()
        )));
    }
    if size < old.size() {
        return Err(invalid(format!(
            "the log was cut short: its checkpoint has size {size}, but {file} has size {}",
            old.size()
        )));
    }
    if size == old.size() && new.root() != old.root() {
        return Err(invalid(tree::forked(kept, size)));
    }
    Ok(())
}

fn print(output: Output, name: &str, kept: &[Named], verified: &Verified) -> Result<(), Error> {
    let Verified { checkpoint: accepted, note, found } = verified;
    let checkpoint = &accepted.checkpoint;
    let (origin, size, root) = (checkpoint.origin(), checkpoint.size(), checkpoint.root());
    if output.json {
        let since: Vec<_> =
            kept.iter().map(|named| json!({"file": named.file, "size": named.size()})).collect();
        let document = json!({
            "source": name,
            "valid": true,
            "origin": origin,
            "size": size,
            "root": root.to_string(),
            "tiles": found.tiles,
            "absent": found.absent,
            "since": since,
            "cosignatures": cosignatures(accepted),
            "checkpoint": note,
        });
        return output.line(&safe::json(&document.to_string()));
    }
    let signed = count(accepted.cosignatures.len() as u64, "cosignature");
    let mut lines = vec![
        format!("{name}: valid"),
        format!("  {origin} of size {size} with {signed}, and root {root}"),
        format!("  each entry is that of another record; {} compared", count(found.tiles, "tile")),
    ];
    if found.absent > 0 {
        lines.push(format!(
            "  {} had left before the log was set up, or were removed before they were sealed: their entries have \
             no content",
            count(found.absent, "record")
        ));
    }
    for named in kept {
        lines.push(format!("  continues {}, of size {}", named.file, named.size()));
    }
    lines.iter().try_for_each(|line| output.line(&safe::text(line)))
}
