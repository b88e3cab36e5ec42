//! Typed parts of a request: caller, parameters, body, idempotency key, origin.

mod access;
mod batch;
mod body;
mod idempotency;
mod origin;
mod query;

pub(crate) use access::{
    Administrator, Eraser, Exporter, KeyHolder, Reader, Searcher, Verifier, Writer,
};
pub(crate) use batch::{Batch, RejectedRecord};
pub(crate) use body::RequestBody;
pub(crate) use idempotency::IdempotencyKey;
pub(crate) use origin::RequestOrigin;
pub(crate) use query::QueryParams;
