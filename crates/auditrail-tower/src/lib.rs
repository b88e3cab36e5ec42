//! A [`tower`] layer that records requests in an audit log, by a policy.
//!
//! The policy defines which requests are recorded, in a file ([`Policy::load`]) or in code
//! ([`Policy::builder`]), so that handlers need no audit code; the project's `docs/policy.md` describes every key.
//! The layer wraps axum, hyper, tonic and any other [`tower::Service`] of HTTP requests, including proxies
//! without routes.
//!
//! ```
//! use auditrail_core::{Actor, RecordSink};
//! use auditrail_tower::{AuditHandle, AuditLayer, IdFrom, Policy, Principal, Rule};
//! use axum::routing::put;
//! use axum::{Extension, Router};
//!
//! /// Inserted into the extensions of a request by the application's authentication.
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
//! For the address of the caller, insert a [`PeerAddr`] into the extensions where connections are accepted;
//! with the feature `axum` the layer reads the `ConnectInfo` of `into_make_service_with_connect_info`. For
//! tonic, set a [`peer`](AuditLayer::peer) callback that reads tonic's `TcpConnectInfo`.
//!
//! Set `TCP_NODELAY` on accepted sockets, which `axum::serve` leaves to the application: the end of a long
//! response that waited for its record is a small packet of its own, and would otherwise wait some 40 ms for
//! the acknowledgement of the data before it.
//!
//! # Guarantees
//!
//! - Each request that a rule matches produces exactly one record when its response ends, even if the service
//!   fails, panics or times out, or the caller disconnects. A rule with `must` produces two. The handler can write the
//!   record in its own transaction instead ([`AuditHandle::input`]). A response ends
//!   when the server has taken its last frame, not when the caller has received it.
//! - A path that servers read in different ways is recorded by the strictest of the rules that they lead to; `none`
//!   excludes it only if all lead to such a rule. [`AmbiguousPaths::Refuse`] rejects it.
//! - Bodies are streamed. If the record is spooled, the last frame waits until the record is on disk; a response
//!   of up to 64 KiB that is available at once waits together with its head.
//! - At the level `metadata`, allocations do not grow with bodies; otherwise at most 64 KiB are copied. A
//!   request costs less than 5 µs of CPU time.
//! - Redacted values are in no record, no log line and no `Debug` output.
//!
//! Delivery is out of scope: records are submitted to a [`RecordSink`](auditrail_core::RecordSink), which
//! implements the failure policy of a rule; `auditrail-client` has one that spools to disk.
//!
//! Start with [`Policy`], then [`AuditLayer`] and its place in the stack, then [`AuditHandle`], the interface
//! for handlers.

mod body;
mod capture;
mod clock;
mod layer;
mod policy;
mod service;

pub use body::{RequestBody, ResponseBody};
pub use capture::deliver::counts::AuditCounts;
pub use capture::record::address::PeerAddr;
pub use capture::record::handle::AuditHandle;
pub use capture::record::principal::Principal;
pub use layer::{AuditLayer, LayerError};
pub use policy::{
    AmbiguousPaths, CoverageReport, IdFrom, Level, Matched, Matches, Policy, PolicyBuilder,
    PolicyError, Problem, Rule, Uncovered,
};
pub use service::{AuditService, ResponseFuture};
