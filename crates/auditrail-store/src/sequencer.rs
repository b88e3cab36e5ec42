//! The sequencer: gives each committed record its place in one order, the *seq*, from 0 on and without gaps.
//!
//! Neither a time nor a number from a sequence orders records by their commit, so a reader that remembers the last
//! one it has seen misses records that are committed later. The seq is assigned after the commit and never changes.
//! Writers take no lock for it and wait for nothing.
//!
//! A *round* gives a seq to every record that is visible in a snapshot, the target, and was not visible in that of
//! the round before. It consists of *steps*: a transaction locks the position, reads up to [`STEP_RECORDS`] records
//! in the order `(xact_id, id)`, adds their entries and advances the position. So a crash at any moment repeats and
//! loses nothing, and the lock elects one of several servers.
//!
//! `xact_id` has a meaning in its cluster only. When the position came with a restore, or is new, a *recovery* gives a
//! seq to all records that no entry has, whatever their `xact_id`; records up to the highest `xact_id` that was
//! restored are compared with the entries by id from then on.
//!
//! `source` has the statements that find records; `entries` packs them into rows; `known` compares records with the
//! entries; `position` has the statements of the position; [`Reconciler`] checks the result. Deliberately absent: when
//! to run, which is up to the service.

mod entries;
mod known;
mod position;
mod reconciler;
pub(crate) mod session;
mod source;

use std::collections::HashSet;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::error::StoreError;
use crate::snapshot::lock_layout_sql;
use crate::sql::Sql;
use crate::sqlstate::sqlstate;
use entries::Candidate;
pub(crate) use entries::{ENTRY_XACT_IDS_SPAN, ID_BYTES};
use position::Position;
pub use reconciler::{Checked, Reconciler, Unsequenced};
use session::{Session, roll_back, run};
use source::{Source, TransactionIds};

/// The application name of the sessions in `pg_stat_activity`.
const APPLICATION_NAME: &str = "auditrail sequencer";
/// Most records of a step: 64 KiB of ids.
pub const STEP_RECORDS: usize = 4_096;
/// Fewest records of a step, after steps that took too long.
const STEP_RECORDS_MIN: usize = 64;
/// How often a step is attempted when another server has changed the position since its snapshot.
const ATTEMPTS: u32 = 5;

/// Gives records their seq, over a connection of its own. See the [module](self).
///
/// It connects on first use and again after a loss. Several may run at once, in any process.
#[derive(Debug)]
pub struct Sequencer {
    session: Session,
    source: Box<dyn Source>,
    kind: RoundKind,
    recovery: Option<Recovery>,
    /// Most records of the next step.
    max: usize,
}

/// Which records the last step looked at, and so probably the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RoundKind {
    /// Those of transactions since the last round.
    New,
    /// All, in a recovery.
    Stored,
}

/// A recovery that this process began.
#[derive(Debug)]
struct Recovery {
    /// Its target, which identifies it.
    target: String,
    /// The first seq that it assigned: entries from there on are its own.
    first_seq: i64,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another process is at a step. Nothing was done.
    Locked,
    /// The step is committed.
    Advanced(Advance),
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The number of records that were given a seq.
    pub sequenced: usize,
    /// The seq of the next record.
    pub next_seq: i64,
    /// Whether the round is complete; otherwise another step continues it.
    pub is_complete: bool,
    /// Whether the step was part of a recovery.
    pub is_recovery: bool,
}

/// The state of the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The seq of the next record, which is the number of records that have one.
    pub next_seq: i64,
    /// Whether records are known to be without a seq, or a round is in progress.
    pub has_more: bool,
    /// Whether a recovery is necessary or in progress.
    pub is_recovering: bool,
    /// How long ago a record was last given a seq, by the clock of the server; none before the first.
    pub last_sequenced: Option<Duration>,
}

impl Sequencer {
    /// For the database of these options, whose role needs the privileges of the service. Does not connect yet.
    #[must_use]
    pub fn new(options: &PgConnectOptions) -> Self {
        Self {
            session: Session::new(options, APPLICATION_NAME),
            source: Box::new(TransactionIds),
            kind: RoundKind::New,
            recovery: None,
            max: STEP_RECORDS,
        }
    }

    /// Looks whether there is something to do, without writing or locking anything: one exchange that reads at most
    /// one record.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Distributed`] if the table cannot be sequenced.
    pub async fn look(&mut self) -> Result<Look, StoreError> {
        let doing = "look for records without a seq";
        let (db, cluster) = self.session.connection().await?;
        let statements = [position::read_sql(cluster), self.source.new_records(1)];
        let rows = run(db, &statements, doing).await?;
        let [position, found] = rows.as_slice() else { return Err(missing(doing)) };
        let row = position.first().ok_or_else(|| missing(doing))?;
        let position = Position::read(row).map_err(StoreError::while_trying_to(doing))?;
        let is_recovering = !position.is_same_cluster || !position.is_recovered;
        Ok(Look {
            next_seq: position.next_seq,
            has_more: is_recovering || position.target.is_some() || !found.is_empty(),
            is_recovering,
            last_sequenced: position.last_sequenced,
        })
    }

    /// Does one step of a round: of the one in progress, or of a new one.
    ///
    /// Without new records it completes an empty round, so that later ones start after this snapshot. That is worth a
    /// transaction only if the look took long: it has read the rows of a large transaction that was rolled back.
    ///
    /// # Errors
    /// [`StoreError`]. After [`StoreError::Unreachable`] the step may be committed; the next one continues either way.
    pub async fn step(&mut self) -> Result<Step, StoreError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.attempt().await {
                Ok(Some(step)) => {
                    self.max = (self.max * 2).min(STEP_RECORDS);
                    return Ok(step);
                }
                Ok(None) if attempts < ATTEMPTS => {}
                Ok(None) => return Ok(Step::Locked),
                Err(error) if is_concurrent_update(&error) && attempts < ATTEMPTS => {}
                Err(error) => {
                    if matches!(error, StoreError::Busy { .. }) {
                        // The statement may have timed out.
                        self.max = (self.max / 2).max(STEP_RECORDS_MIN);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Makes the next step begin a recovery, which gives a seq to every record that no entry has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn request_recovery(&mut self) -> Result<(), StoreError> {
        let (db, _) = self.session.connection().await?;
        session::run_one(db, &position::forget_sql(), "request a recovery").await.map(drop)
    }

    /// Closes the connection; a later call opens another one.
    pub async fn close(&mut self) {
        self.session.close().await;
    }

    /// One attempt; `None` if the position is of another kind of round than the last one.
    async fn attempt(&mut self) -> Result<Option<Step>, StoreError> {
        let doing = "sequence records";
        let (db, cluster) = self.session.connection().await?;
        let candidates = match self.kind {
            RoundKind::New => self.source.new_records(self.max),
            RoundKind::Stored => self.source.stored_records(self.max),
        };
        let begin = Sql::new("begin isolation level repeatable read");
        let lock = lock_layout_sql();
        let rows = run(db, &[begin, lock, position::lock_sql(cluster), candidates], doing).await?;
        let [_, _, position, found] = rows.as_slice() else { return Err(missing(doing)) };
        let Some(row) = position.first() else {
            roll_back(db).await;
            return Ok(Some(Step::Locked));
        };
        let position = Position::read(row).map_err(StoreError::while_trying_to(doing))?;
        if !position.is_same_cluster {
            return self.begin_recovery(&position).await.map(Some);
        }
        let kind = if position.is_recovered { RoundKind::New } else { RoundKind::Stored };
        if kind != self.kind {
            roll_back(db).await;
            self.kind = kind;
            return Ok(None);
        }
        let found = found.iter().map(Candidate::read).collect::<Result<Vec<_>, _>>();
        let found = found.map_err(StoreError::while_trying_to(doing))?;
        self.advance(&position, &found).await.map(Some)
    }

    async fn begin_recovery(&mut self, position: &Position) -> Result<Step, StoreError> {
        let doing = "begin a recovery";
        let (db, cluster) = self.session.open_transaction()?;
        let statements = [position::begin_recovery_sql(cluster), Sql::new("commit")];
        let rows = run(db, &statements, doing).await?;
        let row = rows.first().and_then(|rows| rows.first()).ok_or_else(|| missing(doing))?;
        let target = row.get(0).map_err(StoreError::while_trying_to(doing))?;
        let next_seq = position.next_seq;
        self.recovery = Some(Recovery { target, first_seq: next_seq });
        self.kind = RoundKind::Stored;
        let advance = Advance { sequenced: 0, next_seq, is_complete: false, is_recovery: true };
        Ok(Step::Advanced(advance))
    }

    /// Adds the entries of those records that have none, advances the position, and commits.
    async fn advance(
        &mut self,
        position: &Position,
        found: &[Candidate],
    ) -> Result<Step, StoreError> {
        let is_recovery = self.kind == RoundKind::Stored;
        let is_complete = found.len() < self.max;
        let known = self.known(position, found).await?;
        let (db, _) = self.session.open_transaction()?;
        let new: Vec<Candidate> =
            found.iter().filter(|record| !known.contains(&record.id)).copied().collect();
        let next_seq = position.next_seq + i64::try_from(new.len()).unwrap_or(i64::MAX);
        let outcome = Advance { sequenced: new.len(), next_seq, is_complete, is_recovery };
        let mut statements = Vec::new();
        if !new.is_empty() {
            statements.push(entries::insert_sql(&new, position.next_seq));
        }
        statements.push(match found.last() {
            Some(last) if !is_complete => position::advance_sql(next_seq, *last),
            _ => position::complete_sql(next_seq),
        });
        statements.push(Sql::new("commit"));
        run(db, &statements, "sequence records").await?;
        if is_complete {
            self.kind = RoundKind::New;
            self.recovery = None;
        }
        Ok(Step::Advanced(outcome))
    }

    /// The ids of those records that have a seq already: a few after a restore, and none otherwise.
    async fn known(
        &mut self,
        position: &Position,
        found: &[Candidate],
    ) -> Result<HashSet<Uuid>, StoreError> {
        let own =
            self.recovery.as_ref().filter(|own| position.target.as_ref() == Some(&own.target));
        let before_seq = own.map_or(i64::MAX, |own| own.first_seq);
        let until = position.restored_until;
        let restored = found.partition_point(|record| Some(record.xact_id) <= until);
        let (db, _) = self.session.open_transaction()?;
        known::known(db, &found[..restored], before_seq).await
    }
}

/// The row of the position does not exist.
fn missing(doing: &'static str) -> StoreError {
    StoreError::while_trying_to(doing)(sqlx::Error::RowNotFound)
}

/// Whether another server has changed the position since the snapshot of the transaction.
fn is_concurrent_update(error: &StoreError) -> bool {
    matches!(error, StoreError::Busy { source, .. } if sqlstate(source) == Some("40001"))
}
