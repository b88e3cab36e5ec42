//! Checks that every record has a seq.

use auditrail_core::RecordId;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use super::entries::Candidate;
use super::known::known;
use super::session::{Session, run};
use super::{APPLICATION_NAME, STEP_RECORDS};
use crate::db::Row;
use crate::error::StoreError;
use crate::snapshot;
use crate::sql::Sql;
use crate::value::XactId;

/// Compares the records with the entries, by id, a few thousand at a time in the order `(xact_id, id)`.
///
/// It depends on nothing that the rounds depend on, so it finds what they would miss: a record with a forged
/// `xact_id`, one that was restored while the sequencer ran, a lost entry. Each step reads one snapshot, in which a
/// record either has a seq or does not need one yet; so a missing seq is no matter of time.
#[derive(Debug)]
pub struct Reconciler {
    session: Session,
    after: Candidate,
}

/// The result of a step of the [`Reconciler`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The number of records that were compared.
    pub records: usize,
    /// The records that should have a seq and have none.
    pub unsequenced: Vec<Unsequenced>,
    /// Whether that was the end of the table; the next step starts again.
    pub is_end: bool,
}

/// A record that should have a seq and has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsequenced {
    /// The id of the record.
    pub id: RecordId,
    /// The transaction that it names.
    pub xact_id: u64,
}

/// Before the first record.
const START: Candidate = Candidate { xact_id: XactId(0), id: Uuid::nil() };

impl Reconciler {
    /// For the database of these options, whose role needs to read the records and their order. Does not connect yet.
    #[must_use]
    pub fn new(options: &PgConnectOptions) -> Self {
        Self { session: Session::new(options, APPLICATION_NAME), after: START }
    }

    /// Compares the next records. Before the first round, and during a recovery, there is nothing to compare: none are,
    /// and the next step starts again.
    ///
    /// # Errors
    /// [`StoreError`]; the next step repeats the comparison.
    pub async fn step(&mut self) -> Result<Checked, StoreError> {
        let doing = "look for records without a seq";
        let (db, cluster) = self.session.connection().await?;
        let [begin, lock] = snapshot::begin_sql();
        let statements = [begin, lock, is_recovered_sql(cluster), records_sql(self.after)];
        let rows = run(db, &statements, doing).await?;
        let [_, _, state, rows] = rows.as_slice() else { return Ok(Checked::default()) };
        let is_recovered = match state.first() {
            Some(row) => row.get(0).map_err(StoreError::while_trying_to(doing))?,
            None => false,
        };
        let read = rows.iter().map(read).collect::<Result<Vec<_>, _>>();
        let read = read.map_err(StoreError::while_trying_to(doing))?;
        let expected: Vec<Candidate> = read
            .iter()
            .filter(|(_, is_expected)| is_recovered && *is_expected)
            .map(|(record, _)| *record)
            .collect();
        let known = known(db, &expected, i64::MAX).await?;
        run(db, &[Sql::new("commit")], doing).await?;
        let is_end = read.len() < STEP_RECORDS || !is_recovered;
        self.after = read.last().filter(|_| !is_end).map_or(START, |(record, _)| *record);
        let unsequenced = expected
            .iter()
            .filter(|record| !known.contains(&record.id))
            .map(|record| Unsequenced { id: record.id.into(), xact_id: record.xact_id.0 });
        Ok(Checked { records: expected.len(), unsequenced: unsequenced.collect(), is_end })
    }

    /// Closes the connection; a later call opens another one.
    pub async fn close(&mut self) {
        self.session.close().await;
    }
}

fn read(row: &Row) -> Result<(Candidate, bool), sqlx::Error> {
    Ok((Candidate::read(row)?, row.get(2)?))
}

/// Whether the position is of this cluster, and no recovery is in progress.
fn is_recovered_sql(cluster: &str) -> Sql {
    Sql::new(
        "select coalesce(s.cluster = $1 and s.xmin = xid(s.xact_id) and s.done is not null, false)
           from control_plane.audit_log_sequencer s",
    )
    .bind(cluster)
}

/// Records after one, and whether each should have a seq.
///
/// Not yet: those that were committed since the last round was done. A record that is visible although its
/// transaction is not was restored or forged, and will not be found by a round.
fn records_sql(after: Candidate) -> Sql {
    Sql::new(
        "select r.xact_id, r.id,
                coalesce(pg_visible_in_snapshot(r.xact_id,
                             (select s.done from control_plane.audit_log_sequencer s)), false)
                or not pg_visible_in_snapshot(r.xact_id, pg_current_snapshot())
           from control_plane.audit_logs r
          where (r.xact_id, r.id) > ($1, $2)
          order by r.xact_id, r.id
          limit $3",
    )
    .bind(after.xact_id)
    .bind(after.id)
    .bind(i64::try_from(STEP_RECORDS).unwrap_or(i64::MAX))
}
