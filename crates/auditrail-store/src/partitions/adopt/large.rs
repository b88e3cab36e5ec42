//! Way 2: a table of any size, which becomes the default partition while records are written.
//!
//! Each step can be interrupted and repeated:
//! 1. a lower bound some minutes ahead, and a check that excludes the ids from there on (see `lenient`)
//! 2. the validation of the check, a scan that blocks neither reads nor writes
//! 3. the hot partition, and copies of the records whose ids are in its range already: random ids, and those
//!    of clocks that are ahead
//! 4. the exchange, under an exclusive lock for some ten milliseconds
//! 5. the lasting check of the default partition, validated by another scan

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use super::swap::Exchange;
use super::{is_partitioned, lenient, swap};
use crate::partitions::bound::Bound;
use crate::partitions::create::run;
use crate::partitions::definition::Definition;
use crate::partitions::error::PartitionError;
use crate::partitions::progress::{Event, Progress};
use crate::partitions::retry::Attempts;
use crate::partitions::work::{self, Kind, Work};
use crate::partitions::{clock, leftover, name, suitability};

/// The least time between the choice of the bound and the exchange. Ids that are made in that time are
/// before the bound, and stay where they are.
const MARGIN: Duration = Duration::from_secs(60);
/// The speed of a scan that the bound is chosen for, in rows per second: a fifth of the one measured, since
/// two scans of a loaded machine must end before it.
const SCAN_ROWS_PER_SECOND: u64 = 400_000;
/// The bound is moved when it is nearer than this at the exchange.
const NEAR: Duration = Duration::from_secs(2);

/// Partitions the table; `rows` is the estimated number of its records.
pub(super) async fn adopt(
    db: &mut PgConnection,
    rows: i64,
    lock_timeout: Duration,
    progress: Progress<'_>,
) -> Result<(), PartitionError> {
    let mut margin = MARGIN + Duration::from_secs(rows.unsigned_abs() / SCAN_ROWS_PER_SECOND);
    loop {
        let definition = Definition::read(db, name::LOG).await.map_err(failed())?;
        suitability::check(db, &definition).await?;
        let lower = add_check(db, margin, lock_timeout, progress).await?;
        progress(Event::Step { doing: "scanning the table", table: name::LOG });
        lenient::validate(db).await.map_err(failed())?;
        progress(Event::Step { doing: "copying records of the new range", table: name::HOT });
        if !copy_strays(db, &definition, lower).await? {
            return Ok(());
        }
        progress(Event::Step { doing: "exchanging the table", table: name::LOG });
        if exchange(db, lower, lock_timeout, progress).await? {
            return Ok(());
        }
        margin *= 2;
    }
}

fn failed() -> impl FnOnce(sqlx::Error) -> PartitionError {
    PartitionError::while_trying_to("partition the table")
}

/// The bound of an interrupted run, if it is far enough ahead, or a new one with its check.
async fn add_check(
    db: &mut PgConnection,
    margin: Duration,
    lock_timeout: Duration,
    progress: Progress<'_>,
) -> Result<Bound, PartitionError> {
    progress(Event::Step { doing: "adding a check for the ids", table: name::LOG });
    let mut attempts = Attempts::new("add a check to the table", lock_timeout);
    loop {
        match try_add_check(db, margin, &attempts).await {
            Ok(lower) => return Ok(lower),
            Err(error) => attempts.pause(db, error, progress).await?,
        }
    }
}

async fn try_add_check(
    db: &mut PgConnection,
    margin: Duration,
    attempts: &Attempts,
) -> Result<Bound, PartitionError> {
    let mut tx = attempts.begin(db).await?;
    let now = clock::now(&mut tx).await.map_err(attempts.failed())?;
    let earlier = work::lock(&mut tx, Kind::Adopt).await.map_err(attempts.failed())?;
    if let Some(lower) = earlier.and_then(|work| work.lower_bound())
        && now.plus(margin / 2) < lower
    {
        return Ok(lower);
    }
    let lower = now.plus(margin);
    lenient::add(&mut tx, lower).await.map_err(attempts.failed())?;
    let work = Work {
        phase: "exchange".to_owned(),
        target: name::HOT.to_owned(),
        sources: vec![name::LOG.to_owned()],
        lower: lower.id(),
        upper: Bound::HORIZON.id(),
        copied_through: None,
        copied_rows: 0,
    };
    work::start(&mut tx, Kind::Adopt, &work).await.map_err(attempts.failed())?;
    tx.commit().await.map_err(attempts.failed())?;
    Ok(lower)
}

/// Creates the hot partition, in place of that of an interrupted run, with copies of the records of its range.
/// Returns false if another process has exchanged the table meanwhile.
async fn copy_strays(
    db: &mut PgConnection,
    definition: &Definition,
    lower: Bound,
) -> Result<bool, PartitionError> {
    let mut tx = db.begin().await.map_err(failed())?;
    // Conflicts with the exchange.
    let lock = format!("lock table {} in access share mode", name::table(name::LOG));
    run(&mut tx, [lock]).await.map_err(failed())?;
    if is_partitioned(&mut tx).await.map_err(failed())? {
        return Ok(false);
    }
    leftover::drop(&mut tx, name::HOT).await?;
    swap::create_hot(&mut tx, definition).await.map_err(failed())?;
    tx.commit().await.map_err(failed())?;
    swap::strays(name::LOG, lower).copy(db).await.map_err(failed())?;
    Ok(true)
}

/// The exchange. Returns false if the bound has come near, or a copied record was changed: then the steps
/// before are repeated.
async fn exchange(
    db: &mut PgConnection,
    lower: Bound,
    lock_timeout: Duration,
    progress: Progress<'_>,
) -> Result<bool, PartitionError> {
    let mut attempts = Attempts::new("exchange the table", lock_timeout);
    loop {
        match try_exchange(db, lower, &attempts).await {
            Ok(is_done) => return Ok(is_done),
            Err(error) => attempts.pause(db, error, progress).await?,
        }
    }
}

async fn try_exchange(
    db: &mut PgConnection,
    lower: Bound,
    attempts: &Attempts,
) -> Result<bool, PartitionError> {
    let mut tx = attempts.begin(db).await?;
    // The catalog is read before, so that the exclusive lock is held no longer than necessary.
    let exchange = Exchange::read(&mut tx, lower).await.map_err(attempts.failed())?;
    lenient::trust(&mut tx).await.map_err(attempts.failed())?;
    let lock = format!("lock table {} in access exclusive mode", name::table(name::LOG));
    run(&mut tx, [lock]).await.map_err(attempts.failed())?;
    if is_partitioned(&mut tx).await.map_err(attempts.failed())? {
        return Ok(true);
    }
    let now = clock::now(&mut tx).await.map_err(attempts.failed())?;
    if lower <= now.plus(NEAR)
        || !exchange.execute(&mut tx, "not valid").await.map_err(attempts.failed())?
    {
        return Ok(false);
    }
    work::set_phase(&mut tx, Kind::Adopt, "validate").await.map_err(attempts.failed())?;
    tx.commit().await.map_err(attempts.failed())?;
    Ok(true)
}

/// Replaces the check of the time of adoption by the lasting one, if that is still to do. Returns whether it was.
pub(super) async fn finish(
    db: &mut PgConnection,
    lock_timeout: Duration,
    progress: Progress<'_>,
) -> Result<bool, PartitionError> {
    let work = work::read(db, Kind::Adopt).await.map_err(failed())?;
    if work.is_none_or(|work| work.phase != "validate") {
        return Ok(false);
    }
    progress(Event::Step { doing: "validating the check of the ids", table: name::REST });
    let (rest, check) = (name::table(name::REST), name::quoted(name::REST_IDS));
    run(db, [format!("alter table {rest} validate constraint {check}")]).await.map_err(failed())?;
    let mut attempts = Attempts::new("drop the check of the adoption", lock_timeout);
    while let Err(error) = try_drop_check(db, &attempts).await {
        attempts.pause(db, error, progress).await?;
    }
    Ok(true)
}

async fn try_drop_check(db: &mut PgConnection, attempts: &Attempts) -> Result<(), PartitionError> {
    let mut tx = attempts.begin(db).await?;
    lenient::drop(&mut tx).await.map_err(attempts.failed())?;
    work::end(&mut tx, Kind::Adopt).await.map_err(attempts.failed())?;
    tx.commit().await.map_err(attempts.failed())
}
