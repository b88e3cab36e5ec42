//! A step of a search in text: judges a number of candidates, in the order of a scan, until it has enough matches or its
//! time is over.

use std::time::{Duration, Instant};

use auditrail_core::{Cursor, RecordId};
use uuid::Uuid;

use super::conditions::Conditions;
use super::scan::Direction;
use crate::db::{Row, Rows};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// The columns of a row that a search returns, with the places of those that a step itself reads.
#[derive(Clone, Copy, Debug)]
pub(in crate::records) struct Selected {
    pub(in crate::records) columns: &'static str,
    /// The number of columns; two counts follow them.
    pub(in crate::records) count: usize,
    pub(in crate::records) id: usize,
    pub(in crate::records) created_at: usize,
}

/// A step of a search in text.
#[derive(Clone, Copy, Debug)]
pub(in crate::records) struct TextStep {
    pub(in crate::records) selected: Selected,
    /// The direction of the scan that finds the candidates.
    pub(in crate::records) direction: Direction,
    /// Most candidates: records that meet all conditions but those in text.
    pub(in crate::records) candidates: u32,
    /// Candidates for which no longer range of time is read.
    pub(in crate::records) enough: u64,
    /// Most matches.
    pub(in crate::records) matches: u64,
    /// When to stop. The first candidate is judged in any case, so that every step makes progress.
    pub(in crate::records) deadline: Instant,
}

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::records) struct StepEnd {
    /// The last candidate that was judged; `None` without candidates.
    pub(in crate::records) last: Option<Cursor>,
    /// Whether every candidate that the statement could find was judged.
    pub(in crate::records) is_exhausted: bool,
    /// Judged candidates.
    pub(in crate::records) judged: u64,
}

impl TextStep {
    /// The statement, from one that finds the candidates.
    ///
    /// A common table expression is evaluated as far as it is read: with enough matches no further candidate is
    /// judged, and the last row, which says how far the step came, is left out.
    pub(in crate::records) fn statement(
        &self,
        conditions: &Conditions<'_>,
        push_candidates: impl FnOnce(&mut Sql),
    ) -> Sql {
        let columns = self.selected.columns;
        let left = self.deadline.saturating_duration_since(Instant::now()).clamp(LEFT.0, LEFT.1);
        let mut sql = Sql::new("with candidates as materialized (");
        push_candidates(&mut sql);
        // Evaluated with the first candidate: finding that one is not part of the time.
        sql.push("), started as materialized (select clock_timestamp() as at), judged as materialized (select ");
        sql.push(columns).push(", case when clock_timestamp() <= (select at from started) + ");
        sql.push_bind(i64::try_from(left.as_micros()).unwrap_or(i64::MAX));
        sql.push(" * interval '1 microsecond' then ");
        conditions.push_text_matches(&mut sql);
        sql.push(" end as is_match from candidates), matched as materialized (select ");
        sql.push(columns).push(" from judged where is_match limit ").push_bind(self.most_matches());
        sql.push("), ends as materialized (select ").push(columns);
        sql.push(" from judged where is_match is not null order by ");
        sql.push(self.direction.reversed().order()).push(" limit 1) select ");
        sql.push(columns).push(", null::bigint, null::bigint from matched union all select ");
        sql.push(columns);
        sql.push(
            ", (select count(*) from judged where is_match is not null), (select count(*) from candidates)
               from ends where (select count(*) from matched) < ",
        )
        .push_bind(self.most_matches());
        sql
    }

    fn most_matches(&self) -> i64 {
        i64::try_from(self.matches).unwrap_or(i64::MAX)
    }

    /// Whether no longer range of time need be read: there are enough matches or candidates, or the time is
    /// over.
    pub(in crate::records) fn is_enough(&self, rows: &Rows) -> Result<bool, StoreError> {
        let Some(end) = self.end(rows)? else { return Ok(true) };
        let is_over = end.judged > 0 && Instant::now() >= self.deadline;
        Ok(end.judged >= self.enough || is_over)
    }

    /// How far the step came; `None` if it has enough matches or its rows were truncated.
    pub(in crate::records) fn end(&self, rows: &Rows) -> Result<Option<StepEnd>, StoreError> {
        if rows.is_truncated {
            return Ok(None);
        }
        let Some(row) = rows.rows.last() else {
            return Ok(Some(StepEnd { last: None, is_exhausted: true, judged: 0 }));
        };
        let read = || -> Result<Option<StepEnd>, sqlx::Error> {
            let judged: Option<i64> = row.get(self.selected.count)?;
            let candidates: Option<i64> = row.get(self.selected.count + 1)?;
            let (Some(judged), Some(candidates)) = (judged, candidates) else { return Ok(None) };
            Ok(Some(StepEnd {
                last: Some(self.cursor(row)?),
                is_exhausted: judged == candidates && candidates < i64::from(self.candidates),
                judged: judged.unsigned_abs(),
            }))
        };
        read().map_err(StoreError::while_trying_to("read how far a search came"))
    }

    /// The rows of the matches, without the last one that says how far the step came.
    pub(in crate::records) fn matches<'r>(&self, rows: &'r Rows) -> Result<&'r [Row], StoreError> {
        let has_end = self.end(rows)?.is_some_and(|end| end.last.is_some());
        let matches = rows.rows.len() - usize::from(has_end);
        Ok(&rows.rows[..matches])
    }

    fn cursor(&self, row: &Row) -> Result<Cursor, sqlx::Error> {
        let id: Uuid = row.get(self.selected.id)?;
        let PgTime(created_at) = row.get(self.selected.created_at)?;
        Ok(Cursor { created_at, id: RecordId::from(id) })
    }
}

/// Least and most time of a step: enough to judge the first candidate, and a duration that PostgreSQL can add to
/// any time.
const LEFT: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(3_600));
