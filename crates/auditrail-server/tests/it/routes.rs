//! Tests of the routes, one module per route.

mod batch;
mod create;
mod docs;
mod erasures;
mod export;
mod facets;
mod feed;
mod get;
mod histogram;
mod idempotency;
mod keys;
mod list;
mod log;
pub(crate) mod openapi;
mod proof;
mod retention;
mod stats;
mod tail;
mod values;
