//! A search, and the page of its result.

mod bounds;
mod buckets;
mod comparison;
mod cursor;
pub mod expression;
mod fields;
mod filters;
mod intents;
mod interval;
mod matching;
mod names;
mod nearest;
mod order;
mod paging;
mod parse;
mod simplify;
mod values;

pub use buckets::{Bars, BucketWidth};
pub use cursor::{Cursor, CursorError, CursorKey, TokenPage};
pub use expression::{Expression, ExpressionError};
pub use fields::{Facet, ValueField, ValuePrefix, ValuesLimit};
pub use filters::Filters;
pub use intents::Intents;
pub use interval::Interval;
pub use order::Order;
pub use paging::{Count, PageSize, Position, Total, TotalRelation};
pub use values::{ActionFilter, ActionPrefix, MetadataFilter, TimeRange};

use crate::time::RecordTime;

/// One page of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The records to find.
    pub filters: Filters,
    /// The size of the page.
    pub limit: PageSize,
    /// The order of the records.
    pub order: Order,
    /// Where the page is.
    pub position: Position,
    /// Whether to count all matches too.
    pub count: Count,
    /// The time that relative bounds such as `7d` were subtracted from; `None` when there are none. The cursor
    /// of the next page keeps it, so that all pages have the same range.
    pub relative_to: Option<RecordTime>,
}
