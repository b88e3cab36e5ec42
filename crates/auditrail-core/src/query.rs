//! What to look for, and which page of it.

mod filters;
mod paging;
mod parse;

pub use filters::{ActionFilter, ActionPrefix, Filters, MetadataFilter, TimeRange};
pub use paging::{Count, PageSize, Position};

/// One page of a search, newest first: by `created_at`, then by id, both descending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Which records.
    pub filters: Filters,
    /// How many at most.
    pub limit: PageSize,
    /// Where the page starts.
    pub position: Position,
    /// Whether to count all matches too.
    pub count: Count,
}
