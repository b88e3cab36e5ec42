//! `verify consistency`: verifies that a checkpoint continues an earlier one.

use auditrail_evidence::ConsistencyDocument;
use serde_json::json;
use tlog::{Checkpoint, Hash, Resource, Tiles, consistency, tiles_of};

use super::input::{self, Named, cosignatures, invalid};
use super::source::Source;
use crate::cli::VerifyConsistencyArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::count;
use crate::output::{Output, safe};

/// Verifies the checkpoints, and prints the result.
pub(super) fn run(output: Output, args: &VerifyConsistencyArgs) -> Result<Exit, Error> {
    let policy = input::policy(&args.policy)?;
    let [old, new] = [&args.old, &args.new].map(|path| Named::read(&policy, path));
    let (old, new) = (old?, new?);
    let verified = verify(args, &old, &new);
    if let (true, Err(Error::VerificationFailed { detail })) = (output.json, &verified) {
        let line = json!({"old": old.file, "new": new.file, "valid": false, "error": detail});
        output.line(&safe::json(&line.to_string()))?;
    }
    verified?;
    print(output, &old, &new)?;
    Ok(Exit::Success)
}

fn verify(args: &VerifyConsistencyArgs, old: &Named, new: &Named) -> Result<(), Error> {
    let (earlier, later) = (&old.accepted.checkpoint, &new.accepted.checkpoint);
    let (from, to) = (earlier.size(), later.size());
    if earlier.origin() != later.origin() {
        return Err(invalid(format!(
            "{} is a checkpoint of {}, and {} one of {}: they are of two logs",
            old.file,
            earlier.origin(),
            new.file,
            later.origin()
        )));
    }
    if to < from {
        return Err(invalid(format!(
            "{} is older than {}: it has size {to}, the other {from}; name the older one first",
            new.file, old.file
        )));
    }
    if from == to && earlier.root() != later.root() {
        return Err(invalid(format!(
            "fork: {} and {} have the same size, {to}, and two roots; keep both, which are signed, as evidence",
            old.file, new.file
        )));
    }
    let spans = consistency::spans(from, to).unwrap_or_default();
    let (proof, name) = match (&args.proof, &args.log) {
        (Some(path), _) => {
            let file = path.display().to_string();
            (document(&file, &input::read(path)?, from, to)?, file)
        }
        (None, Some(log)) => {
            let source = Source::open(log, &args.http)?;
            let proof = input::runtime()?.block_on(from_tiles(&source, &spans, to))?;
            (proof, format!("the tiles of {log}"))
        }
        // Of the same size, or after an empty tree.
        (None, None) if spans.is_empty() => (Vec::new(), "the empty proof".to_owned()),
        (None, None) => {
            return Err(Error::Usage(format!(
                "the checkpoints have the sizes {from} and {to}, so that one continues the other needs a proof: name it \
                 with --proof, or the log with --log"
            )));
        }
    };
    compare(&proof, earlier, later).map_err(|error| invalid(format!("{name}: not valid: {error}")))
}

fn compare(
    proof: &[Hash],
    earlier: &Checkpoint,
    later: &Checkpoint,
) -> Result<(), consistency::ConsistencyError> {
    consistency::verify(proof, earlier.size(), earlier.root(), later.size(), later.root())
}

/// The hashes of a document for these sizes.
fn document(file: &str, bytes: &[u8], from: u64, to: u64) -> Result<Vec<Hash>, Error> {
    let document = ConsistencyDocument::parse(bytes)
        .map_err(|error| invalid(format!("{file}: not valid: {error}")))?;
    if (document.from, document.to) != (from, to) {
        return Err(invalid(format!(
            "{file} is a proof from size {} to size {}; the checkpoints have the sizes {from} and {to}",
            document.from, document.to
        )));
    }
    Ok(document.hashes)
}

/// A proof from the tiles of a log, at most two for each level and side.
async fn from_tiles(source: &Source, spans: &[tlog::Span], to: u64) -> Result<Vec<Hash>, Error> {
    let mut tiles = Tiles::new();
    for path in tiles_of(spans, to) {
        if let Resource::Hashes(level) = path.resource() {
            tiles.insert(level, path.index(), source.hashes(path).await?);
        }
    }
    let proof = tiles.proof(spans);
    proof.map_err(|error| invalid(format!("the tiles of {}: {error}", source.name())))
}

fn print(output: Output, old: &Named, new: &Named) -> Result<(), Error> {
    let (earlier, later) = (&old.accepted.checkpoint, &new.accepted.checkpoint);
    let (origin, from, to) = (later.origin(), old.size(), new.size());
    if output.json {
        let document = json!({
            "old": old.file,
            "new": new.file,
            "valid": true,
            "origin": origin,
            "from": from,
            "to": to,
            "from_root": earlier.root().to_string(),
            "to_root": later.root().to_string(),
            "cosignatures": cosignatures(&new.accepted),
        });
        return output.line(&safe::json(&document.to_string()));
    }
    let signed = count(new.accepted.cosignatures.len() as u64, "cosignature");
    let lines = [
        format!("{}: continues {}", new.file, old.file),
        format!("  {origin} has grown from size {from} to size {to}, with {signed}"),
    ];
    lines.iter().try_for_each(|line| output.line(&safe::text(line)))
}
