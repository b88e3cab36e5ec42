//! A page of a search, as it is returned.

use serde::{Deserialize, Serialize};

use crate::query::{
    Cursor, CursorKey, Order, PageSize, Position, Query, TokenPage, Total, TotalRelation,
};
use crate::record::Record;
use crate::service::Found;
use crate::time::RecordTime;

/// A page of a search, as it is returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows, in the order of the search.
    pub data: Vec<T>,
    /// The position of this page and of the next.
    pub pagination: Pagination,
}

/// The position of a page and of the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pagination {
    /// Most rows in a page.
    pub limit: PageSize,
    /// Whether there are more rows after this page.
    pub has_more: bool,
    /// The token for the next page; `null` when there are no more rows.
    pub next_cursor: Option<String>,
    /// The token for the page before; absent when there are no rows before this page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev_cursor: Option<String>,
    /// How many rows were skipped; `null` when the page was reached by a cursor.
    pub offset: Option<u64>,
    /// The number of all matches; absent unless it was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What `total` is; present if `total` is, except from versions that did not state it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_relation: Option<TotalRelation>,
    /// How far a search in text came in its time; absent when it filled the page or came to the end. The page has
    /// every match from where it starts to this time: later ones with the newest first, earlier ones with the oldest
    /// first. `next_cursor` goes on from there, or `prev_cursor` on a page that `prev_cursor` led to; then the
    /// directions are reversed. More records are only possible beyond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched_back_to: Option<RecordTime>,
}

impl Pagination {
    /// The number of all matches, if it was requested. One without a relation counts as an estimate.
    #[must_use]
    pub fn total(&self) -> Option<Total> {
        let relation = self.total_relation.unwrap_or(TotalRelation::Estimated);
        self.total.map(|count| Total { count, relation })
    }
}

impl Page<Record> {
    /// The response to a query.
    #[must_use]
    pub fn new(query: &Query, found: Found, key: &CursorKey) -> Self {
        let Found { records, has_previous, has_more, total, searched_back_to } = found;
        let token = |cursor: Cursor, is_backward| {
            let Query { order, relative_to, .. } = *query;
            let page = TokenPage { order, is_backward, relative_to };
            cursor.encode_page(&query.filters, page, key)
        };
        let (first, last) = ends(query, &records, searched_back_to);
        let next_cursor = last.filter(|_| has_more).map(|cursor| token(cursor, false));
        let prev_cursor = first.filter(|_| has_previous).map(|cursor| token(cursor, true));
        let offset = match query.position {
            Position::Offset(offset) => Some(offset),
            Position::After(_) | Position::Before(_) | Position::Around(_) => None,
        };
        let pagination = Pagination {
            limit: query.limit,
            has_more,
            next_cursor,
            prev_cursor,
            offset,
            total: total.map(|total| total.count),
            total_relation: total.map(|total| total.relation),
            searched_back_to: searched_back_to.map(|cursor| cursor.created_at),
        };
        Self { data: records, pagination }
    }
}

/// The positions of the ends of a page: its first and last record, or where a search in text stopped beyond them. An
/// empty page has the position where it starts.
fn ends(
    query: &Query,
    records: &[Record],
    stopped_at: Option<Cursor>,
) -> (Option<Cursor>, Option<Cursor>) {
    let at = |record: &Record| Cursor { created_at: record.created_at, id: record.id };
    let (first, last) = (records.first().map(at), records.last().map(at));
    match query.position {
        Position::Before(start) => {
            let start = start.neighbor(query.order == Order::NewestFirst);
            (stopped_at.or(first), last.or(stopped_at).or(Some(start)))
        }
        Position::After(start) => {
            let start = start.neighbor(query.order == Order::OldestFirst);
            (first.or(stopped_at).or(Some(start)), stopped_at.or(last))
        }
        Position::Offset(_) | Position::Around(_) => (first.or(stopped_at), stopped_at.or(last)),
    }
}
