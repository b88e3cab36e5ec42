//! A [`tower`] layer that makes audit records of requests, by a policy.
//!
//! Which requests leave which records stands in a file ([`Policy::load`]) or in code
//! ([`Policy::builder`]), so that nobody has to remember to write them; the project's `docs/policy.md`
//! describes every key. The layer works around axum, hyper, tonic and whatever else is a
//! [`tower::Service`] of HTTP requests, also as a proxy that knows no routes.
//!
//! Absent on purpose: delivery. Records are given to a [`RecordSink`](auditrail_core::RecordSink), which
//! keeps the promise that a rule's failure policy makes; `auditrail-client` has one that spools to disk.
//!
//! Where to start reading: [`Policy`], then [`AuditLayer`] and where it belongs in the stack, then
//! [`AuditHandle`], which is what a handler sees of it.

mod body;
mod capture;
mod clock;
mod layer;
mod policy;
mod service;

pub use body::{RequestBody, ResponseBody};
pub use capture::address::PeerAddr;
pub use capture::counts::AuditCounts;
pub use capture::handle::AuditHandle;
pub use capture::principal::Principal;
pub use layer::{AuditLayer, LayerError};
pub use policy::{
    CoverageReport, IdFrom, Level, Matched, Matches, Policy, PolicyBuilder, PolicyError, Problem,
    Rule, Uncovered,
};
pub use service::{AuditService, ResponseFuture};
