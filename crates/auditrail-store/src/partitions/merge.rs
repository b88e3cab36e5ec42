//! Merges adjacent partitions into one, in steps that can be interrupted and repeated.
//!
//! The phase in the table of the work says which step comes next:
//! - `copy`: the records are copied in the order of their ids, some thousand in a transaction, to a table
//!   without indexes
//! - `index`: an index is created, sorted and in bulk, in each step; then a check of the range
//! - `exchange`: under a short exclusive lock the records since the start follow, the sources are detached and
//!   the target is attached
//! - `drop`: the sources are compared with the target once more and dropped
//!
//! Records that arrive in a source after its copy are found by their transaction id: it is not older than the
//! oldest transaction that was open when the copy started. If records were erased or removed meanwhile, the
//! merge starts again.

mod copy;
mod exchange;
mod index;
mod leftovers;

use std::time::Duration;

use sqlx::PgConnection;

use super::catalog::{self, Layout, Partition};
use super::definition::Definition;
use super::error::PartitionError;
use super::progress::Progress;
use super::retry::Attempts;
use super::work::{self, Kind, Work};
use super::{leftover, name};

/// The outcome of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is no merge in progress.
    Idle,
    /// The merge has got further.
    Done,
    /// The merge is complete; the name of the merged partition.
    Complete(String),
    /// The merge was given up, because partitions or records have changed. It is planned again.
    Discarded,
}

/// Starts a merge of adjacent partitions.
pub(super) async fn start(db: &mut PgConnection, run: &[Partition]) -> Result<(), PartitionError> {
    let failed = || PartitionError::while_trying_to("start a merge");
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return Ok(());
    };
    let (Some(lower), Some(upper)) = (first.lower, last.upper) else {
        return Ok(());
    };
    let definition = Definition::read(db, name::LOG).await.map_err(failed())?;
    let target = copy::free_name(db, lower).await.map_err(failed())?;
    let work = Work {
        phase: "copy".to_owned(),
        target,
        sources: run.iter().map(|partition| partition.name.clone()).collect(),
        lower: lower.id(),
        upper: upper.id(),
        copied_through: None,
        copied_rows: 0,
    };
    copy::start(db, &work, &definition).await.map_err(failed())
}

/// Does the next step of the merge in progress.
pub(super) async fn step(
    db: &mut PgConnection,
    lock_timeout: Duration,
    progress: Progress<'_>,
) -> Result<Step, PartitionError> {
    let failed = || PartitionError::while_trying_to("read the work in progress");
    let Some(work) = work::read(db, Kind::Merge).await.map_err(failed())? else {
        return Ok(Step::Idle);
    };
    if work.phase != "drop" && !is_valid(db, &work).await? {
        return leftovers::discard(db, &work).await;
    }
    match work.phase.as_str() {
        "copy" => copy::step(db, progress).await,
        "index" => index::step(db, &work, progress).await,
        "exchange" => {
            if index::repeat_if_incomplete(db, &work).await? {
                return Ok(Step::Done);
            }
            let attempts = Attempts::new("exchange the merged partitions", lock_timeout);
            exchange::step(db, &work, attempts, progress).await
        }
        _ => {
            let attempts = Attempts::new("drop the merged partitions", lock_timeout);
            leftovers::step(db, &work, attempts, progress).await
        }
    }
}

/// Whether the sources are attached as they were, the target fits, and no record was erased or removed
/// since the start.
async fn is_valid(db: &mut PgConnection, work: &Work) -> Result<bool, PartitionError> {
    let failed = || PartitionError::while_trying_to("read the work in progress");
    let layout = catalog::layout(db).await.map_err(failed())?;
    let changed = work::is_merge_outdated(db).await.map_err(failed())?;
    Ok(!changed
        && layout.is_some_and(|layout| are_attached(&layout, work))
        && leftover::fits(db, &work.target).await.map_err(failed())?)
}

/// Whether the sources are attached, next to each other, and have the range of the work.
fn are_attached(layout: &Layout, work: &Work) -> bool {
    let attached: Vec<&Partition> = layout
        .partitions()
        .iter()
        .filter(|partition| work.sources.contains(&partition.name))
        .collect();
    let first = attached.first().and_then(|partition| partition.lower);
    let last = attached.last().and_then(|partition| partition.upper);
    attached.len() == work.sources.len()
        && first.map(|bound| bound.id()) == Some(work.lower)
        && last.map(|bound| bound.id()) == Some(work.upper)
        && attached.windows(2).all(|pair| pair[0].upper == pair[1].lower)
}
