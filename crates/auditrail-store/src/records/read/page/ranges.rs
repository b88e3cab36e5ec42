//! Candidates in ranges of `(created_at, id)`.

use super::super::conditions::Conditions;
use super::super::driving_index::DrivingIndex;
use super::super::scan::Direction;
use crate::records::columns::column_list;
use crate::sql::Sql;
use crate::value::PgTime;
use crate::words::range::{Place, Range};

/// Adds a statement that finds the first candidates in ranges, which are in the order of the scan and do not overlap.
///
/// A join with LATERAL and ORDER BY is a nested loop: it reads one range after the other, each in its order, and
/// stops with the last row that is fetched. An ORDER BY of the whole would read all ranges first.
pub(super) fn push(
    sql: &mut Sql,
    conditions: &Conditions<'_>,
    direction: Direction,
    ranges: &[Range],
    candidates: i64,
) {
    sql.push("select found.* from unnest(");
    for (of, between) in [(oldest as fn(&Range) -> Place, ", "), (newest, "")] {
        sql.push_bind_array(ranges.iter().map(|range| PgTime(of(range).at)));
        sql.push("::timestamptz[], ");
        sql.push_bind_array(ranges.iter().map(|range| of(range).id));
        sql.push("::uuid[]").push(between);
    }
    sql.push(") as range (oldest_at, oldest_id, newest_at, newest_id) cross join lateral (");
    sql.push(concat!("select ", column_list!()));
    conditions.push_from_where_but(sql, DrivingIndex::Time);
    sql.push(
        " and (created_at, id) >= (range.oldest_at, range.oldest_id)
          and (created_at, id) <= (range.newest_at, range.newest_id) order by ",
    );
    sql.push(direction.order()).push(") as found limit ").push_bind(candidates);
}

const fn oldest(range: &Range) -> Place {
    range.oldest
}

const fn newest(range: &Range) -> Place {
    range.newest
}
