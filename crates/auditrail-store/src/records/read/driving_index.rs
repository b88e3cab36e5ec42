//! Which index a search walks: one that holds the matches of a filter in the order of time.

use auditrail_core::{ActionFilter, Filters, Outcome, canonical_network, mapped_network};
use ipnet::IpNet;

use super::scan::{Direction, Scan};
use super::times::push_times;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// The action as it is indexed: ordered by bytes, so that a prefix is a range.
pub(in crate::records) const ACTION: &str = r#"action collate "C""#;

/// An index whose entries for one value are in the order of time: a search walks it in either direction and
/// stops when the page is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::records) enum DrivingIndex<'a> {
    /// All records by time.
    Time,
    /// A text column, as written in the index definition, and its value.
    Text(&'static str, &'a str),
    /// A single address.
    Address(IpNet),
    /// An outcome other than success, which most records have: the index has no others.
    Outcome(Outcome),
}

/// How many index entries a search reads to estimate selectivity. The results do not depend on it.
#[derive(Clone, Copy, Debug)]
pub(in crate::records) struct ScanBudget {
    /// Entries of the index by time that the first window holds.
    pub(in crate::records) time_records: u32,
    /// Entries of one value that the first window holds. Fewer, because each lies on a page of its own.
    pub(in crate::records) value_records: u32,
    /// When the first window has no match, and all records of the driving index are at most this many
    /// times the window, combining it with other indexes is quick.
    pub(in crate::records) few: i64,
}

impl Default for ScanBudget {
    /// Each takes a few milliseconds: reading 4,000 adjacent records, 1,500 scattered ones, or 100,000
    /// index entries.
    fn default() -> Self {
        Self { time_records: 4_000, value_records: 1_500, few: 64 }
    }
}

/// A range of time that begins where the scan starts, sized by the entries of one driving index.
#[derive(Clone, Copy, Debug)]
pub(in crate::records) struct TimeWindow {
    direction: Direction,
    /// Its last time in the direction of the scan: the oldest one of a scan from newer to older.
    pub(in crate::records) edge: PgTime,
    /// Its length in microseconds, estimated as twice its later half: the first few times may be
    /// outliers.
    micros: i64,
    /// The time of the last record of the table in the direction of the scan.
    last: PgTime,
}

/// By what factor the next window is longer: at least and at most.
const LONGER: (u64, u64) = (4, 32);

impl TimeWindow {
    /// Whether the driving index has at most `times` as many records as this window, assuming the
    /// density of the window.
    pub(in crate::records) fn is_most_of(self, times: i64) -> bool {
        let rest = self.direction.micros_between(self.edge.0, self.last.0);
        rest <= self.micros.saturating_mul(times)
    }

    /// A longer window that should hold `wanted` matches, given that this one holds `matches`; `None`
    /// when it would reach the last record anyway.
    ///
    /// It assumes that later records of the scan are as dense as those in the later half of this window.
    pub(in crate::records) fn longer(self, matches: u64, wanted: u64) -> Option<Self> {
        let enough = wanted.saturating_mul(3).checked_div(matches.saturating_mul(2));
        let times = enough.unwrap_or(LONGER.1).clamp(LONGER.0, LONGER.1);
        let further = self.micros.checked_mul(i64::try_from(times - 1).ok()?)?;
        let edge = self.direction.later(self.edge.0, further)?;
        let is_worth_it = further > 0 && self.direction.micros_between(edge, self.last.0) > 0;
        is_worth_it.then_some(Self {
            edge: PgTime(edge),
            micros: self.micros.checked_add(further)?,
            ..self
        })
    }
}

impl<'a> DrivingIndex<'a> {
    /// The indexes that could drive a search; the index by time only when there is no other.
    pub(in crate::records) fn of(filters: &'a Filters) -> Vec<Self> {
        let texts = [
            ("request_id", filters.request_id.as_ref().map(AsRef::as_ref)),
            ("target_id", filters.target_id.as_ref().map(AsRef::as_ref)),
            ("actor_id", filters.actor_id.as_ref().map(AsRef::as_ref)),
            ("tenant_id", filters.tenant_id.as_ref().map(AsRef::as_ref)),
            (ACTION, exact_action(filters)),
        ];
        let texts = texts.into_iter().filter_map(|(column, text)| Some(Self::Text(column, text?)));
        let address = filters.ip_address.map(canonical_network).filter(is_address);
        let address = address.map(Self::Address);
        let outcome = filters.outcome.filter(|outcome| *outcome != Outcome::Success);
        let indexes: Vec<_> = texts.chain(address).chain(outcome.map(Self::Outcome)).collect();
        if indexes.is_empty() { vec![Self::Time] } else { indexes }
    }

    /// The driving index of a search without further conditions, apart from times, words and phrases.
    pub(in crate::records) fn only(filters: &'a Filters) -> Option<Self> {
        if filters.q.as_ref().is_some_and(|q| q.terms().iter().any(|term| !term.is_text())) {
            return None;
        }
        let ignored = ["start_date", "end_date", "q"];
        let pairs = filters.to_pairs();
        let others = pairs.iter().filter(|(name, _)| !ignored.contains(&name.as_ref())).count();
        match (Self::of(filters).as_slice(), others) {
            ([Self::Time], 1..) => None,
            ([index], 0 | 1) => Some(*index),
            _ => None,
        }
    }

    /// Whether this is the index of the column.
    pub(in crate::records) fn is(self, name: &str) -> bool {
        matches!(self, Self::Text(column, _) if column == name)
    }

    /// The index of the same address in the form that records from before migration 019 may have.
    pub(in crate::records) fn mapped(self) -> Option<Self> {
        match self {
            Self::Address(address) => mapped_network(address).map(Self::Address),
            Self::Time | Self::Text(..) | Self::Outcome(_) => None,
        }
    }

    const fn first_records(self, budget: ScanBudget) -> u32 {
        match self {
            Self::Time => budget.time_records,
            Self::Text(..) | Self::Address(_) | Self::Outcome(_) => budget.value_records,
        }
    }

    /// Adds the condition, in a form that keeps the planner to the index.
    ///
    /// The planner treats `= any` of an array as several values, so the order by this column that
    /// [`push_order`](Self::push_order) adds is significant, and only the index of this column provides
    /// it. With `=` the planner also considers walking all records by time until enough have the value.
    /// It assumes that they are spread evenly, but the last one may be years old.
    pub(in crate::records) fn push_condition(self, sql: &mut Sql) {
        match self {
            Self::Time => {}
            Self::Text(column, text) => {
                sql.push(" and ").push(column);
                sql.push(" = any(array[").push_bind(text).push("])");
            }
            // A literal, because the index is partial: a parameter would not prove its condition.
            Self::Outcome(outcome) => {
                sql.push(" and outcome = any(array['").push(outcome.as_str()).push("'])");
            }
            Self::Address(address) => {
                sql.push(" and ip_address = any(array[").push_bind(address).push("::inet])");
            }
        }
    }

    /// Adds the start of the ORDER BY; the time follows in the same direction.
    pub(in crate::records) fn push_order(self, sql: &mut Sql, direction: Direction) {
        sql.push(" order by ");
        let column = match self {
            Self::Time => return,
            Self::Text(column, _) => column,
            Self::Address(_) => "ip_address",
            Self::Outcome(_) => "outcome",
        };
        sql.push(column).push(direction.of_column()).push(", ");
    }
}

fn exact_action(filters: &Filters) -> Option<&str> {
    match &filters.action {
        Some(ActionFilter::Exact(action)) => Some(action.as_str()),
        Some(ActionFilter::Prefix(_)) | None => None,
    }
}

/// Whether a network is a single address, for which `=` is equivalent to `<<=`.
pub(in crate::records) fn is_address(network: &IpNet) -> bool {
    network.prefix_len() == network.max_prefix_len()
}

/// The most selective driving index, and the first window of time to search.
///
/// The most selective index is the one whose window, of a fixed number of entries, reaches furthest.
/// There is no window when the index has fewer entries than that: then all of them are walked.
pub(in crate::records) async fn most_selective<'a>(
    db: Db<'_>,
    filters: &'a Filters,
    scan: Scan,
    budget: ScanBudget,
) -> Result<(DrivingIndex<'a>, Option<TimeWindow>), StoreError> {
    most_selective_of(DrivingIndex::of(filters), db, filters, scan, budget).await
}

/// As [`most_selective`], among these indexes, of which there is at least one.
pub(in crate::records) async fn most_selective_of<'a>(
    indexes: Vec<DrivingIndex<'a>>,
    mut db: Db<'_>,
    filters: &'a Filters,
    scan: Scan,
    budget: ScanBudget,
) -> Result<(DrivingIndex<'a>, Option<TimeWindow>), StoreError> {
    let direction = scan.direction;
    let mut sql = Sql::new(
        "select number, edge, half, (select created_at from control_plane.audit_logs order by ",
    );
    sql.push(direction.reversed().of_time()).push(" limit 1) from (");
    let mut between = "";
    for (number, index) in (0_i64..).zip(&indexes) {
        let records = index.first_records(budget);
        sql.push(between).push("select ").push_bind(number).push(" as number, (");
        push_nth(&mut sql, *index, filters, scan, records);
        sql.push(") as edge, (");
        push_nth(&mut sql, *index, filters, scan, records / 2);
        sql.push(") as half");
        between = " union all ";
    }
    sql.push(") of_indexes order by edge").push(direction.of_column());
    sql.push(" nulls first limit 1");
    let rows = db.fetch(&sql).await;
    let rows = rows.map_err(StoreError::while_trying_to("estimate the selectivity of a search"))?;
    let (number, window) = rows
        .first()
        .ok_or(sqlx::Error::RowNotFound)
        .and_then(|row| read_window(row, direction))
        .map_err(StoreError::while_trying_to("estimate the selectivity of a search"))?;
    let index = usize::try_from(number).ok().and_then(|number| indexes.get(number));
    Ok((index.copied().unwrap_or(DrivingIndex::Time), window))
}

fn read_window(row: &Row, direction: Direction) -> Result<(i64, Option<TimeWindow>), sqlx::Error> {
    let edge: Option<PgTime> = row.get(1)?;
    let half: Option<PgTime> = row.get(2)?;
    let last: Option<PgTime> = row.get(3)?;
    let window = match (edge, half, last) {
        (Some(edge), Some(half), Some(last)) => {
            let later_half = direction.micros_between(half.0, edge.0);
            Some(TimeWindow { direction, edge, micros: later_half.saturating_mul(2), last })
        }
        _ => None,
    };
    Ok((row.get(0)?, window))
}

/// Adds a subquery for the time of the nth entry of an index; an index-only scan answers it.
fn push_nth(sql: &mut Sql, index: DrivingIndex<'_>, filters: &Filters, scan: Scan, nth: u32) {
    sql.push("select created_at from control_plane.audit_logs where true");
    index.push_condition(sql);
    push_times(sql, &filters.created_at);
    scan.push_start_time(sql);
    index.push_order(sql, scan.direction);
    sql.push(scan.direction.of_time()).push(" limit 1 offset ").push_bind(i64::from(nth));
}
