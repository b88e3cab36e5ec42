//! `verify proof`: verifies proofs of records, offline.

use auditrail_evidence::{FIELDS, RecordProof, VerifiedRecord};
use serde_json::{Map, Value, json};
use tlog::Policy;

use super::input::{self, cosignatures};
use crate::cli::VerifyProofArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::progress::count;
use crate::output::{Output, safe};

/// Verifies each proof, and prints the result.
pub(super) fn run(output: Output, args: &VerifyProofArgs) -> Result<Exit, Error> {
    let policy = input::policy(&args.policy)?;
    let mut failed = 0;
    for path in &args.proofs {
        let file = path.display().to_string();
        match verify(&policy, &input::read(path)?) {
            Ok(record) if output.json => output.line(&safe::json(&document(&file, &record)))?,
            Ok(record) => print(output, &file, &record)?,
            Err(error) => {
                failed += 1;
                if output.json {
                    let line = json!({"file": file, "valid": false, "error": error});
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
            detail: format!("{failed} of {} not valid", count(args.proofs.len() as u64, "proof")),
        }),
    }
}

/// Why the proof is not valid is a sentence.
fn verify(policy: &Policy, bytes: &[u8]) -> Result<VerifiedRecord, String> {
    let proof = RecordProof::parse(bytes).map_err(|error| error.to_string())?;
    proof.verify(policy).map_err(|error| error.to_string())
}

/// A line of `--json`.
fn document(file: &str, record: &VerifiedRecord) -> String {
    let fields: Map<String, Value> = FIELDS
        .into_iter()
        .filter_map(|field| Some((field.to_string(), json!(record.shown.get(&field)?))))
        .collect();
    let names = |fields: &[auditrail_evidence::FieldName]| {
        fields.iter().map(|field| field.as_str()).collect::<Vec<_>>()
    };
    let checkpoint = &record.checkpoint.checkpoint;
    json!({
        "file": file,
        "valid": true,
        "id": record.id,
        "created_at": record.created_at,
        "seq": record.seq,
        "fields": fields,
        "withheld": names(&record.withheld),
        "erased": names(&record.erased),
        "origin": checkpoint.origin(),
        "size": checkpoint.size(),
        "root": checkpoint.root().to_string(),
        "cosignatures": cosignatures(&record.checkpoint),
    })
    .to_string()
}

fn print(output: Output, file: &str, record: &VerifiedRecord) -> Result<(), Error> {
    let checkpoint = &record.checkpoint.checkpoint;
    let (id, seq, origin, size) = (record.id, record.seq, checkpoint.origin(), checkpoint.size());
    let cosignatures = count(record.checkpoint.cosignatures.len() as u64, "cosignature");
    let mut lines = vec![
        format!("{file}: valid"),
        format!(
            "  record {id} is entry {seq} of {origin}, in the tree of size {size} with {cosignatures}"
        ),
        format!("  {:<12} {}", "created_at", record.created_at),
    ];
    for field in FIELDS {
        let text = match record.shown.get(&field) {
            Some(Some(value)) => value.as_str(),
            Some(None) => continue,
            None if record.erased.contains(&field) => "(erased)",
            None => "(withheld)",
        };
        lines.push(format!("  {:<12} {text}", field.as_str()));
    }
    lines.iter().try_for_each(|line| output.line(&safe::text(line)))
}
