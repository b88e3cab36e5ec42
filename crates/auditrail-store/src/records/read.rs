//! Statements that read records.
//!
//! `search` finds a page: `driving_index` decides which index a search walks, `conditions` holds the
//! filters, `page` reads the rows. `get`, `count`, `export` and `summary` are the other reads.

mod actions;
pub(super) mod conditions;
mod count;
pub(super) mod driving_index;
pub(super) mod export;
pub(super) mod get;
pub(super) mod over_sessions;
pub(super) mod page;
pub(super) mod search;
pub(super) mod summary;
mod target_types;
pub(super) mod text_search;
mod text_step;
mod times;
