//! Writing and reading records.

mod create;
mod export;
mod filters;
mod paging;
mod stored;
mod summary;
