//! From a request to its record.

pub(crate) mod address;
pub(crate) mod build;
pub(crate) mod counts;
pub(crate) mod exchange;
pub(crate) mod grpc;
pub(crate) mod handle;
pub(crate) mod intent;
pub(crate) mod json;
mod metadata;
pub(crate) mod outcome;
pub(crate) mod place;
pub(crate) mod principal;
pub(crate) mod request_id;
pub(crate) mod settling;
pub(crate) mod shared;
pub(crate) mod tap;
pub(crate) mod watch;
