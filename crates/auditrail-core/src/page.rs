//! A page of a search, as it is returned.

use serde::{Deserialize, Serialize};

use crate::query::{Cursor, CursorKey, PageSize, Position, Query, Total, TotalRelation};
use crate::record::Record;
use crate::service::Found;
use crate::time::RecordTime;

/// A page of a search, as it is returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows, newest first.
    pub data: Vec<T>,
    /// The position of this page and of the next.
    pub pagination: Pagination,
}

/// The position of a page and of the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pagination {
    /// Most rows in a page.
    pub limit: PageSize,
    /// Whether there are more rows.
    pub has_more: bool,
    /// The token for the next page; `null` when there are no more rows.
    pub next_cursor: Option<String>,
    /// How many rows were skipped; `null` when the page was reached by a cursor.
    pub offset: Option<u64>,
    /// The number of all matches; absent unless it was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What `total` is; present if `total` is, except from versions that did not state it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_relation: Option<TotalRelation>,
    /// How far back a search in text came in its time; absent when it filled the page or came to the end. The
    /// page has every match after this time, and `next_cursor` goes on from there.
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
        let Found { records, has_more, total, searched_back_to } = found;
        let last = records.last().filter(|_| has_more);
        let last = last.map(|record| Cursor { created_at: record.created_at, id: record.id });
        let next_cursor = searched_back_to
            .or(last)
            .map(|cursor| cursor.encode_relative(&query.filters, query.relative_to, key));
        let searched_back_to = searched_back_to.map(|cursor| cursor.created_at);
        let offset = match query.position {
            Position::Offset(offset) => Some(offset),
            Position::After(_) => None,
        };
        let (limit, total_relation) = (query.limit, total.map(|total| total.relation));
        let total = total.map(|total| total.count);
        let pagination = Pagination {
            limit,
            has_more,
            next_cursor,
            offset,
            total,
            total_relation,
            searched_back_to,
        };
        Self { data: records, pagination }
    }
}
