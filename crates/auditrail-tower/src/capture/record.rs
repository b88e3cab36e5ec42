//! Builds the record of a request from the request, its response and the handler's enrichment.

pub(crate) mod address;
pub(crate) mod body_capture;
pub(crate) mod builder;
pub(crate) mod caller;
mod columns;
pub(crate) mod handle;
pub(crate) mod json;
mod metadata;
pub(crate) mod outcome;
mod own_record;
pub(crate) mod principal;
pub(crate) mod route_label;
