//! Writing and reading records.

mod addresses;
mod create;
mod export;
mod facets;
mod feed;
mod filters;
mod generated;
mod histogram;
mod intents;
mod paging;
mod stored;
mod summary;
mod values;
mod writer;
