//! `verify db`: compares every record of a database with the transparency log.

use auditrail_store::tree::{Checker, Finding};
use serde_json::json;
use tlog::Hash;

use super::input::{self, Named, invalid};
use crate::cli::VerifyDbArgs;
use crate::context::Context;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::output::progress::{Meter, count};

/// Most findings that are printed.
const PRINTED_MAX: usize = 100;

/// What was compared.
struct Compared {
    entries: u64,
    findings: u64,
    /// The first of them.
    printed: Vec<Finding>,
}

/// Compares, and prints what is wrong.
pub(in crate::cmd) fn run(cx: &Context, args: &VerifyDbArgs) -> Result<Exit, Error> {
    let kept = kept(args)?;
    let roots: Vec<(u64, Hash)> =
        kept.iter().map(|named| (named.size(), *named.accepted.checkpoint.root())).collect();
    let compared = cx.with_database(async |database| compare(cx.output, database, &roots).await)?;
    print(cx.output, &kept, &compared)?;
    match compared.findings {
        0 => Ok(Exit::Success),
        findings => Err(invalid(format!(
            "{} between the database and its log; keep both as evidence, and restore what was changed from a backup",
            count(findings, "difference")
        ))),
    }
}

/// The checkpoints that were kept elsewhere, verified under the policy.
fn kept(args: &VerifyDbArgs) -> Result<Vec<Named>, Error> {
    let Some(policy) = &args.policy else {
        if args.checkpoints.is_empty() {
            return Ok(Vec::new());
        }
        return Err(Error::Usage(
            "a checkpoint is trusted by a policy only: add --policy".to_owned(),
        ));
    };
    let policy = input::policy_at(policy)?;
    args.checkpoints.iter().map(|path| Named::read(&policy, path)).collect()
}

async fn compare(
    output: Output,
    database: &Database,
    roots: &[(u64, Hash)],
) -> Result<Compared, Error> {
    let mut checker: Checker = database.checker().await?;
    checker.restart(roots.to_vec());
    let mut compared = Compared { entries: 0, findings: 0, printed: Vec::new() };
    let mut meter = Meter::records(output);
    loop {
        let step = checker.step().await?;
        compared.entries += step.entries;
        compared.findings += step.findings.len() as u64;
        let left = PRINTED_MAX - compared.printed.len();
        compared.printed.extend(step.findings.into_iter().take(left));
        meter.update(0, compared.entries);
        if step.is_end {
            meter.finish();
            checker.close().await;
            return Ok(compared);
        }
    }
}

fn print(output: Output, kept: &[Named], compared: &Compared) -> Result<(), Error> {
    let Compared { entries, findings, printed } = compared;
    if output.json {
        let printed: Vec<String> = printed.iter().map(ToString::to_string).collect();
        let checkpoints: Vec<_> =
            kept.iter().map(|named| json!({"file": named.file, "size": named.size()})).collect();
        return output.document(&json!({
            "valid": *findings == 0,
            "entries": entries,
            "differences": findings,
            "printed": printed,
            "checkpoints": checkpoints,
        }));
    }
    for finding in printed {
        output.line(&finding.to_string())?;
    }
    output.line(&format!("{} compared with their records", entries_of(*entries)))?;
    if *findings > 0 {
        return Ok(());
    }
    for named in kept {
        let size = named.size();
        output.line(&format!("the first {} are those of {}", entries_of(size), named.file))?;
    }
    if kept.is_empty() {
        output.warn(
            "without a checkpoint that was kept elsewhere (--checkpoint), a log that was made again as a whole is not noticed",
        );
    }
    Ok(())
}

fn entries_of(number: u64) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") }
}
