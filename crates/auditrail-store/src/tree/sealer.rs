//! Adds entries to the log.

use auditrail_core::FeedPosition;
use auditrail_evidence::LogEntry;
use pg_pipeline::Connection;
use sqlx::postgres::PgConnectOptions;
use tlog::{Edge, FULL_WIDTH};
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

use super::growth::Growth;
use super::position::{self, Position, Sequence};
use super::records::{self, Sealed};
use super::restore;
use crate::db::{Db, Prologue, Row};
use crate::error::StoreError;
use crate::records::entry_ids;
use crate::sequencer::session::{Session, roll_back, run, run_one};
use crate::sql::Sql;

/// Most entries of a step, which takes some 50 ms.
pub const STEP_ENTRIES: usize = 4_096;
/// Each statement has a snapshot of its own, taken after its locks: one that waits while partitions are exchanged finds
/// the records where they are then.
const BEGIN: &str = "begin isolation level read committed";
/// The application name of the sessions in `pg_stat_activity`.
const APPLICATION_NAME: &str = "auditrail sealer";

/// Adds an entry to the log for each record that has a seq, over a connection of its own. See the
/// [module](crate::tree).
///
/// It connects on first use and again after a loss. Several may run at once, in any process.
#[derive(Debug)]
pub struct Sealer {
    session: Session,
    /// That of the last step, if this process did it.
    edge: Edge,
    /// How far the sequence was at an earlier step, until all of its records are sealed.
    target: Option<Sequence>,
}

/// The state of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeLook {
    /// The number of entries.
    pub size: i64,
    /// The number of records with a seq that have no entry.
    pub unsealed: u64,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealStep {
    /// Another process is at a step. Nothing was done.
    Locked,
    /// Every record with a seq has an entry. Nothing was done.
    Waiting,
    /// The step is committed.
    Advanced {
        /// Entries that were added.
        entries: u64,
        /// Those of them whose record was gone although it should have been there: it was removed neither by retention nor
        /// by erasure.
        missing: u64,
        /// The number of entries in the log.
        size: i64,
    },
}

impl Sealer {
    /// For the database of these options, whose role needs the privileges of the service. Does not connect yet.
    #[must_use]
    pub fn new(options: &PgConnectOptions) -> Self {
        let session = Session::new(options, APPLICATION_NAME);
        Self { session, edge: Edge::new(), target: None }
    }

    /// Looks whether there is something to do, without writing or locking anything.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::DamagedTree`] if the log has more entries than the sequence.
    pub async fn look(&mut self) -> Result<TreeLook, StoreError> {
        let doing = "read the state of the transparency log";
        let (db, _) = self.session.connection().await?;
        let rows = run_one(db, &position::look_sql(), doing).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound);
        let read = |row: &Row| Ok((row.get(0)?, row.get(1)?));
        let look = row.and_then(read).map_err(StoreError::while_trying_to(doing))?;
        let (size, next_seq): (i64, i64) = look;
        let unsealed = u64::try_from(next_seq - size).map_err(|_| StoreError::DamagedTree {
            detail: format!("it has {size} entries, and the sequence {next_seq}"),
        })?;
        Ok(TreeLook { size, unsealed })
    }

    /// Adds the next entries.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::DamagedTree`] if the rows of the log do not fit together. After
    /// [`StoreError::Unreachable`] the step may be committed; the next one continues either way.
    pub async fn step(&mut self) -> Result<SealStep, StoreError> {
        if self.look().await?.unsealed == 0 {
            return Ok(SealStep::Waiting);
        }
        let step = self.seal().await;
        if !matches!(step, Ok(SealStep::Advanced { .. })) {
            self.edge = Edge::new();
            let (db, _) = self.session.open_transaction()?;
            roll_back(db).await;
        }
        step
    }

    /// Closes the connection; a later call opens another one.
    pub async fn close(&mut self) {
        self.session.close().await;
    }

    /// A step. The transaction is still open unless it advanced.
    async fn seal(&mut self) -> Result<SealStep, StoreError> {
        let doing = "seal records";
        let (db, _) = self.session.open_transaction()?;
        let begin = [Sql::new(BEGIN), position::durable_sql(), position::lock_sql()];
        let rows = run(db, &begin, doing).await?;
        let Some(row) = rows.get(2).and_then(|rows| rows.first()) else {
            return Ok(SealStep::Locked);
        };
        let position = Position::read(row).map_err(StoreError::while_trying_to(doing))?;
        let size = u64::try_from(position.size).unwrap_or(0);
        if self.edge.size() != size {
            self.edge = restore::last_edge(pipeline(db, &mut Prologue::default()), size).await?;
            self.target = None;
        }
        let ids = entries(db, position.size).await?;
        if ids.is_empty() {
            return Ok(SealStep::Waiting);
        }
        let sealed = sealed(db, &ids).await?;
        let missing = missing(&sealed, &position);
        let growth = Growth::of(&mut self.edge, &sealed);
        let size = position.size.saturating_add_unsigned(ids.len() as u64);
        let target = self.target.get_or_insert(position.sequence);
        let is_reached = size >= target.next_seq;
        let mut statements = growth.statements();
        let done = target.done.as_deref().filter(|_| is_reached);
        statements.push(position::advance_sql(size, done));
        statements.push(Sql::new("commit"));
        run(db, &statements, doing).await?;
        if is_reached {
            self.target = None;
        }
        Ok(SealStep::Advanced { entries: ids.len() as u64, missing, size })
    }
}

fn pipeline<'c>(connection: &'c mut Connection, prologue: &'c mut Prologue) -> Db<'c> {
    Db::Pipeline { connection, prologue }
}

/// The ids of the next entries.
async fn entries(db: &mut Connection, size: i64) -> Result<Vec<Uuid>, StoreError> {
    let mut prologue = Prologue::default();
    entry_ids(pipeline(db, &mut prologue), FeedPosition { seq: size - 1, id: None }, STEP_ENTRIES)
        .await
}

/// Reads the records of a bundle while the entries of the one before are computed, so that the fields of at most two are
/// in memory.
async fn sealed(db: &mut Connection, ids: &[Uuid]) -> Result<Sealed, StoreError> {
    let mut all = Sealed::default();
    let mut sealing: Option<JoinHandle<Result<Sealed, StoreError>>> = None;
    for ids in ids.chunks(FULL_WIDTH) {
        let rows = records::read(db, ids).await?;
        if let Some(sealing) = sealing.take() {
            all.append(&finished(sealing).await?);
        }
        let ids = ids.to_vec();
        sealing = Some(spawn_blocking(move || records::seal(&ids, &rows)));
    }
    if let Some(sealing) = sealing {
        all.append(&finished(sealing).await?);
    }
    Ok(all)
}

/// The result of a task that computes.
async fn finished(sealing: JoinHandle<Result<Sealed, StoreError>>) -> Result<Sealed, StoreError> {
    match sealing.await {
        Ok(sealed) => sealed,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the runtime cancels it, when it shuts down.
            Err(_) => Err(StoreError::while_trying_to("seal records")(sqlx::Error::WorkerCrashed)),
        },
    }
}

/// The entries without content that should have one.
fn missing(sealed: &Sealed, position: &Position) -> u64 {
    let seqs = position.size..;
    let is_missing = |(seq, entry): &(i64, &LogEntry)| {
        *seq >= position.followed_from && matches!(entry, LogEntry::Absent(_))
    };
    seqs.zip(&sealed.entries).filter(is_missing).count() as u64
}
