//! Statements that read records.
//!
//! `search` finds a page: `turn` divides it into scans in a direction of time (`scan`), `driving_index` decides
//! which index a scan walks, `conditions` holds the filters, `page` reads the rows. `get`, `count`,
//! `export`, `summary`, `histogram`, `facets` and `values` are the other reads; the last three end at a `deadline`.
//! `feed` reads records in the order of their seq. `matching` filters known ones.

mod actions;
pub(super) mod conditions;
mod count;
mod deadline;
pub(super) mod driving_index;
pub(super) mod export;
pub(super) mod facets;
pub(super) mod feed;
pub(super) mod get;
pub(super) mod histogram;
mod loose_scan;
pub(super) mod matching;
pub(super) mod over_sessions;
pub(super) mod page;
pub(super) mod scan;
pub(super) mod search;

pub(super) mod summary;
mod target_types;
mod text_blocks;
pub(super) mod text_search;
mod text_step;
pub(super) mod text_steps;
mod times;
pub(super) mod turn;
pub(super) mod values;
