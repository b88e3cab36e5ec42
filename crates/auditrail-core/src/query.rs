//! A search, and the page of its result.

mod cursor;
mod filters;
mod intents;
mod interval;
mod paging;
mod parse;

pub use cursor::{Cursor, CursorError, CursorKey};
pub use filters::{ActionFilter, ActionPrefix, Filters, MetadataFilter, TimeRange};
pub use intents::Intents;
pub use interval::Interval;
pub use paging::{Count, PageSize, Position, Total, TotalRelation};

/// One page of a search, newest first: by `created_at`, then by id, both descending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The records to find.
    pub filters: Filters,
    /// The size of the page.
    pub limit: PageSize,
    /// Where the page starts.
    pub position: Position,
    /// Whether to count all matches too.
    pub count: Count,
}
