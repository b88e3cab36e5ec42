//! The conditions an index keeps in the order of time.

use auditrail_core::{ActionFilter, Filters, Position, RecordTime};
use ipnet::IpNet;

use super::page::is_edge;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// The action as its index has it: by bytes, so that a prefix is a range.
pub(super) const ACTION: &str = r#"action collate "C""#;

/// An equality whose records one index holds newest first: a search can walk them and stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead<'a> {
    /// All records.
    Time,
    /// A column of text, as it is written in the index, and its value.
    Text(&'static str, &'a str),
    /// A single address.
    Address(IpNet),
}

/// How much a search looks at before it knows anything. What it finds does not depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Records of all that are walked first.
    pub(super) time_records: u32,
    /// Records of one value that are walked first. Fewer, because each lies on a page of its own.
    pub(super) value_records: u32,
    /// Up to how many times as many records as were walked, and none of them matched, a lead has for
    /// joining all of it with other indexes to be quick.
    pub(super) few: i64,
}

impl Default for Effort {
    /// Each takes a few milliseconds: 4,000 records that lie next to each other, 1,500 that do not, and
    /// 100,000 in an index.
    fn default() -> Self {
        Self { time_records: 4_000, value_records: 1_500, few: 64 }
    }
}

/// A stretch of time, told by the records of one lead in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// When it starts; it ends where the search does.
    pub(super) start: PgTime,
    /// How long it is, in microseconds, if its newer half is as dense as its older. The times of the
    /// newest few may be anything.
    micros: i64,
    /// When the first record of all was made.
    oldest: PgTime,
}

/// How many times as long the next stretch is, at least and at most.
const LONGER: (u64, u64) = (4, 32);

impl Stretch {
    /// Whether its lead has, all in all, at most so many times the records of this stretch, going by
    /// how dense they are here.
    pub(super) fn is_most_of(self, times: i64) -> bool {
        let before = self.start.0.unix_micros().saturating_sub(self.oldest.0.unix_micros());
        before <= self.micros.saturating_mul(times)
    }

    /// A stretch that should hold the wanted number of matches, going by how many this one held; `None`
    /// when that is not worth a try.
    ///
    /// It takes the records to be as dense before this stretch as in its older half. They need not be.
    pub(super) fn longer(self, found: u64, wanted: u64) -> Option<Self> {
        let enough = wanted.saturating_mul(3).checked_div(found.saturating_mul(2));
        let times = enough.unwrap_or(LONGER.1).clamp(LONGER.0, LONGER.1);
        let further = self.micros.checked_mul(i64::try_from(times - 1).ok()?)?;
        let start = self.start.0.unix_micros().checked_sub(further)?;
        let is_worth_it = further > 0 && self.oldest.0.unix_micros() < start;
        is_worth_it.then_some(Self {
            start: PgTime(RecordTime::from_unix_micros(start).ok()?),
            micros: self.micros.checked_add(further)?,
            oldest: self.oldest,
        })
    }
}

impl<'a> Lead<'a> {
    /// The leads of a search. Time leads only where nothing else does.
    pub(super) fn of(filters: &'a Filters) -> Vec<Self> {
        let texts = [
            ("request_id", filters.request_id.as_ref().map(AsRef::as_ref)),
            ("target_id", filters.target_id.as_ref().map(AsRef::as_ref)),
            ("actor_id", filters.actor_id.as_ref().map(AsRef::as_ref)),
            ("tenant_id", filters.tenant_id.as_ref().map(AsRef::as_ref)),
            (ACTION, exact_action(filters)),
        ];
        let texts = texts.into_iter().filter_map(|(column, text)| Some(Self::Text(column, text?)));
        let address = filters.ip_address.filter(is_address).map(Self::Address);
        let leads: Vec<_> = texts.chain(address).collect();
        if leads.is_empty() { vec![Self::Time] } else { leads }
    }

    /// The lead of a search that apart from times asks for nothing else.
    pub(super) fn only(filters: &'a Filters) -> Option<Self> {
        let times = ["start_date", "end_date"];
        let pairs = filters.to_pairs();
        let others = pairs.iter().filter(|(name, _)| !times.contains(&name.as_ref())).count();
        match (Self::of(filters).as_slice(), others) {
            ([Self::Time], 1..) => None,
            ([lead], 0 | 1) => Some(*lead),
            _ => None,
        }
    }

    /// Whether it leads by this column.
    pub(super) fn is(self, name: &str) -> bool {
        matches!(self, Self::Text(column, _) if column == name)
    }

    const fn first_records(self, effort: Effort) -> u32 {
        match self {
            Self::Time => effort.time_records,
            Self::Text(..) | Self::Address(_) => effort.value_records,
        }
    }

    /// Adds the condition, in a form that keeps the planner to the index.
    ///
    /// It takes `= any` of a list for several values, so the order by this column that
    /// [`push_order`](Self::push_order) adds means something to it, and only the index of this column
    /// has that order. With `=` it would also consider to walk all records by time until enough have
    /// the value, which it thinks are spread evenly, and may find the last of them years ago.
    pub(super) fn push_condition(self, sql: &mut Sql) {
        match self {
            Self::Time => {}
            Self::Text(column, text) => {
                sql.push(" and ").push(column);
                sql.push(" = any(array[").push_bind(text).push("])");
            }
            Self::Address(address) => {
                sql.push(" and ip_address = any(array[").push_bind(address).push("::inet])");
            }
        }
    }

    /// Adds the start of an order, to go on with `created_at desc`.
    pub(super) fn push_order(self, sql: &mut Sql) {
        sql.push(" order by ");
        match self {
            Self::Time => {}
            Self::Text(column, _) => {
                sql.push(column).push(", ");
            }
            Self::Address(_) => {
                sql.push("ip_address, ");
            }
        }
    }
}

fn exact_action(filters: &Filters) -> Option<&str> {
    match &filters.action {
        Some(ActionFilter::Exact(action)) => Some(action.as_str()),
        Some(ActionFilter::Prefix(_)) | None => None,
    }
}

/// Whether a network is a single address, which `=` finds just as `<<=` does.
pub(super) fn is_address(network: &IpNet) -> bool {
    network.prefix_len() == network.max_prefix_len()
}

/// The lead with the fewest records, and a first stretch of time to look at: of the leads' own, the one
/// that goes back furthest. No stretch when the lead has too few records to tell: walking all of them
/// is as little work.
pub(super) async fn rarest<'a>(
    mut db: Db<'_>,
    filters: &'a Filters,
    position: Position,
    effort: Effort,
) -> Result<(Lead<'a>, Option<Stretch>), StoreError> {
    let leads = Lead::of(filters);
    let mut sql = Sql::new(
        "select place, start, half,
                (select created_at from control_plane.audit_logs order by created_at limit 1)
           from (",
    );
    let mut between = "";
    for (place, lead) in (0_i64..).zip(&leads) {
        let records = lead.first_records(effort);
        sql.push(between).push("select ").push_bind(place).push(" as place, (");
        push_nth(&mut sql, *lead, filters, position, records);
        sql.push(") as start, (");
        push_nth(&mut sql, *lead, filters, position, records / 2);
        sql.push(") as half");
        between = " union all ";
    }
    sql.push(") of_leads order by start nulls first limit 1");
    let rows = db.fetch(&sql).await;
    let rows = rows.map_err(StoreError::while_trying_to("size up a search"))?;
    let (place, stretch) = rows
        .first()
        .ok_or(sqlx::Error::RowNotFound)
        .and_then(read_stretch)
        .map_err(StoreError::while_trying_to("size up a search"))?;
    let lead = usize::try_from(place).ok().and_then(|place| leads.get(place));
    Ok((lead.copied().unwrap_or(Lead::Time), stretch))
}

fn read_stretch(row: &Row) -> Result<(i64, Option<Stretch>), sqlx::Error> {
    let start: Option<PgTime> = row.get(1)?;
    let half: Option<PgTime> = row.get(2)?;
    let oldest: Option<PgTime> = row.get(3)?;
    let stretch = match (start, half, oldest) {
        (Some(start), Some(half), Some(oldest)) => {
            let older_half = half.0.unix_micros().saturating_sub(start.0.unix_micros());
            Some(Stretch { start, micros: older_half.saturating_mul(2), oldest })
        }
        _ => None,
    };
    Ok((row.get(0)?, stretch))
}

/// Adds a query for the time of the nth record of a lead, by the index alone.
fn push_nth(sql: &mut Sql, lead: Lead<'_>, filters: &Filters, position: Position, nth: u32) {
    sql.push("select created_at from control_plane.audit_logs where true");
    lead.push_condition(sql);
    super::filters::push_times(sql, &filters.created_at);
    if let Position::After(cursor) = position
        && !is_edge(cursor.created_at)
    {
        sql.push(" and created_at <= ").push_bind(PgTime(cursor.created_at));
    }
    lead.push_order(sql);
    sql.push("created_at desc limit 1 offset ").push_bind(i64::from(nth));
}
