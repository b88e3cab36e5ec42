//! A [`tower`] layer that makes audit records of requests, by a policy.
//!
//! Which requests leave which records stands in a file ([`Policy::load`]) or in code
//! ([`Policy::builder`]), so that nobody has to remember to write them; the project's `docs/policy.md`
//! describes every key. The layer works around axum, hyper, tonic and whatever else is a
//! [`tower::Service`] of HTTP requests, also as a proxy that knows no routes.
//!
//! ```
//! use auditrail_core::{Actor, RecordSink};
//! use auditrail_tower::{AuditHandle, AuditLayer, IdFrom, Policy, Principal, Rule};
//! use axum::routing::put;
//! use axum::{Extension, Router};
//!
//! /// What the application's authentication leaves in the extensions of a request.
//! #[derive(Clone)]
//! struct Session {
//!     user: String,
//!     id: String,
//! }
//!
//! fn app(sink: impl RecordSink + 'static) -> Result<Router, Box<dyn std::error::Error>> {
//!     let policy = Policy::builder()
//!         .redact("password")
//!         .rule(
//!             Rule::on("PUT", "/v1/projects/{id}")
//!                 .action("project.updated")
//!                 .target("project", IdFrom::path("id")),
//!         )
//!         .build()?;
//!     let audit = AuditLayer::new(policy, sink)?.actor(|parts| {
//!         let session = parts.extensions.get::<Session>()?;
//!         let principal = Principal::new(Actor::user(&session.user).ok()?);
//!         Some(principal.with_credential(&session.id))
//!     });
//!     Ok(Router::new().route("/v1/projects/{id}", put(rename)).layer(audit))
//! }
//!
//! async fn rename(Extension(audit): Extension<AuditHandle>) {
//!     audit.diff(&[("name", "Apollo")], &[("name", "Artemis")]);
//! }
//! ```
//!
//! For the address of the caller, put a [`PeerAddr`] among the extensions where connections are accepted;
//! with the feature `axum` the layer finds the `ConnectInfo` that
//! `into_make_service_with_connect_info` leaves. For tonic, ask
//! [`peer`](AuditLayer::peer) for the address in tonic's `TcpConnectInfo`.
//!
//! Set `TCP_NODELAY` on the sockets that are accepted, which `axum::serve` leaves to the application: the
//! end of a long answer is a small packet of its own when it had to wait for its record, and would wait
//! again, some 40 ms, until the caller acknowledged what came before.
//!
//! # What it promises
//!
//! - Each request that a rule is about leaves exactly one record when its answer has ended: also when the
//!   service fails, panics, runs out of time, or the caller goes away. A rule with `must` leaves two.
//!   "Ended" is when the server took the last part of the answer, not when the caller has it.
//! - Bodies pass as they come. Where the record is spooled, the last part waits until it is on disk; what is
//!   there at once, up to 64 KiB, waits together with the head.
//! - At the level `metadata` nothing is allocated in proportion to bodies; else at most 64 KiB are copied. A
//!   request costs less than 5 µs of CPU; the example `overhead` measures it.
//! - What the policy removes is in no record, no log line and no `Debug`.
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
