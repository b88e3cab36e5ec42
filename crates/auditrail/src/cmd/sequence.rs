//! `sequence`: gives records their seq, seals them and indexes their words, as `serve` does in the background, or checks
//! that each has a seq.

use std::time::Duration;

use auditrail_core::RecordId;
use auditrail_store::sequencer::{Reconciler, Sequencer, Step};
use auditrail_store::text_index::{TextIndexStep, TextIndexer};
use auditrail_store::tree::{SealStep, Sealer};
use serde::Serialize;

use crate::cli::SequenceArgs;
use crate::context::Context;
use crate::database::Database;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::output::progress::{Meter, count};

/// Pause while another process is at a step.
const LOCKED_PAUSE: Duration = Duration::from_millis(100);
/// Rounds after which every record that was committed at the start has a seq: the first may have begun before.
pub(super) const ROUNDS: u32 = 2;
/// How often a step of the sealer or of the index of words is attempted while another process is at one.
const ATTEMPTS: u32 = 50;
/// Most records without a seq that are printed.
const PRINTED_MAX: usize = 100;

/// The JSON document of `sequence --once`.
#[derive(Default, Serialize)]
struct Sequenced {
    /// Records that got a seq from this process.
    sequenced: u64,
    /// The seq of the next record.
    next_seq: i64,
    /// Whether all records were looked at, as after a restore.
    recovered: bool,
    /// Records that this process has added to the transparency log.
    sealed: u64,
    /// Those of them that were gone, although neither retention nor erasure removes records before they are sealed.
    missing: u64,
    /// Records whose words this process has indexed.
    indexed: u64,
}

/// The JSON document of `sequence --check`.
#[derive(Default, Serialize)]
struct Compared {
    compared: u64,
    /// Records without a seq.
    unsequenced: u64,
    /// The first of them.
    records: Vec<UnsequencedRecord>,
}

#[derive(Serialize)]
struct UnsequencedRecord {
    id: RecordId,
    xact_id: u64,
}

pub(super) fn run(cx: &Context, args: &SequenceArgs) -> Result<Exit, Error> {
    if args.check {
        let compared = cx.with_database(async |database| check(cx.output, database).await)?;
        return print_compared(cx.output, &compared);
    }
    let sequenced = cx.with_database(async |database| {
        let mut sequencer = database.sequencer().await?;
        if args.recover {
            sequencer.request_recovery().await?;
        }
        let sequenced = sequence(cx.output, &mut sequencer).await?;
        sequencer.close().await;
        let mut sealer = database.sealer().await?;
        let (sealed, missing) = seal(cx.output, &mut sealer).await?;
        sealer.close().await;
        let mut indexer = database.text_indexer().await?;
        let indexed = index(cx.output, &mut indexer).await?;
        indexer.close().await;
        Ok(Sequenced { sealed, missing, indexed, ..sequenced })
    })?;
    if cx.output.json {
        cx.output.document(&sequenced)?;
    } else {
        let records = count(sequenced.sequenced, "record");
        let next_seq = sequenced.next_seq;
        cx.output.line(&format!("{records} sequenced; the next seq is {next_seq}"))?;
        if sequenced.sealed > 0 {
            let records = count(sequenced.sealed, "record");
            cx.output.line(&format!("{records} added to the transparency log"))?;
        }
        if sequenced.missing > 0 {
            cx.output.warn(&format!(
                "{} removed before it could be sealed, by other means than retention and erasure",
                count(sequenced.missing, "record")
            ));
        }
        if sequenced.indexed > 0 {
            let records = count(sequenced.indexed, "record");
            cx.output.line(&format!("{records} indexed for searches by words"))?;
        }
    }
    Ok(Exit::Success)
}

async fn sequence(output: Output, sequencer: &mut Sequencer) -> Result<Sequenced, Error> {
    let mut meter = Meter::records(output);
    let mut done = Sequenced::default();
    let mut rounds = 0;
    while rounds < ROUNDS {
        let look = sequencer.look().await?;
        done.next_seq = look.next_seq;
        if !look.has_more {
            break;
        }
        match sequencer.step().await? {
            Step::Locked => tokio::time::sleep(LOCKED_PAUSE).await,
            Step::Advanced(advance) => {
                done.sequenced += advance.sequenced as u64;
                done.next_seq = advance.next_seq;
                done.recovered |= advance.is_recovery;
                rounds += u32::from(advance.is_complete);
            }
        }
        meter.update(0, done.sequenced);
    }
    meter.finish();
    Ok(done)
}

/// Adds all records that have a seq to the transparency log. Returns their number, and how many of them were missing.
async fn seal(output: Output, sealer: &mut Sealer) -> Result<(u64, u64), Error> {
    let mut meter = Meter::records(output);
    let (mut sealed, mut missed, mut attempts) = (0, 0, 0);
    while attempts < ATTEMPTS {
        match sealer.step().await? {
            SealStep::Waiting => break,
            SealStep::Locked => {
                attempts += 1;
                tokio::time::sleep(LOCKED_PAUSE).await;
            }
            SealStep::Advanced { entries, missing, .. } => {
                attempts = 0;
                sealed += entries;
                missed += missing;
            }
        }
        meter.update(0, sealed);
    }
    meter.finish();
    Ok((sealed, missed))
}

/// Indexes the words of all records that have a seq, but the last ones, which fill no block. Returns their number.
async fn index(output: Output, indexer: &mut TextIndexer) -> Result<u64, Error> {
    let mut meter = Meter::records(output);
    let (mut indexed, mut attempts) = (0, 0);
    while attempts < ATTEMPTS {
        match indexer.step().await? {
            TextIndexStep::Waiting => break,
            TextIndexStep::Locked => {
                attempts += 1;
                tokio::time::sleep(LOCKED_PAUSE).await;
            }
            TextIndexStep::Advanced { entries, .. } => {
                attempts = 0;
                indexed += entries;
            }
        }
        meter.update(0, indexed);
    }
    meter.finish();
    Ok(indexed)
}

async fn check(output: Output, database: &Database) -> Result<Compared, Error> {
    let mut reconciler: Reconciler = database.reconciler().await?;
    let mut meter = Meter::records(output);
    let mut compared = Compared::default();
    loop {
        let checked = reconciler.step().await?;
        compared.compared += checked.records as u64;
        compared.unsequenced += checked.unsequenced.len() as u64;
        let left = PRINTED_MAX - compared.records.len();
        let records = checked.unsequenced.iter().take(left);
        let records =
            records.map(|record| UnsequencedRecord { id: record.id, xact_id: record.xact_id });
        compared.records.extend(records);
        meter.update(0, compared.compared);
        if checked.is_end {
            meter.finish();
            reconciler.close().await;
            return Ok(compared);
        }
    }
}

fn print_compared(output: Output, compared: &Compared) -> Result<Exit, Error> {
    if output.json {
        output.document(compared)?;
    } else {
        for UnsequencedRecord { id, xact_id } in &compared.records {
            output.line(&format!("{id} of transaction {xact_id} has no seq"))?;
        }
        output
            .line(&format!("{} compared with the sequence", count(compared.compared, "record")))?;
    }
    match compared.unsequenced {
        0 => Ok(Exit::Success),
        records => Err(Error::VerificationFailed {
            detail: format!(
                "{} without a seq; `auditrail sequence --once --recover` assigns it",
                count(records, "record")
            ),
        }),
    }
}
