//! Writing and reading records.

mod addresses;
mod create;
mod export;
mod feed;
mod filters;
mod intents;
mod paging;
mod stored;
mod summary;
mod writer;
