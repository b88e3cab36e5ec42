//! The audit log over HTTP.
//!
//! A handler only translates: it parses the request, makes one call to the store and serializes the
//! result. Validation of records lives in `auditrail-core`, storage in `auditrail-store`.
//!
//! Deliberately absent: SQL, TLS (terminated by a proxy), cookies and sessions, trust in
//! `X-Forwarded-For`, and content negotiation (each resource has one representation). Every request needs
//! an API key, on loopback too.
//!
//! Where to start reading: [`App`] is the state of the routes, [`router`] lists them, [`serve`] runs them
//! on a listener. [`Authenticator`] and [`Writes`] are the two interfaces to implement for other sources
//! of API keys and other writers.
//!
//! Modules, each depending only on those above it: `limits`, `clock`, `config`, `pace`; `connections`; `auth` and
//! `caller` (who calls), `memory` (of bodies and responses), `refusals` (of records), `problem` (RFC 9457 errors),
//! `share_holder`, `shares`, `rate_limit`, `background`, `sequencing`, `telemetry`; `database_shares`; `tails` (the
//! newest records), `feed_reads`; `app` (shared state); `middleware`; `extract` (typed parts of a request);
//! `self_audit`, `tail_stream`; `openapi`; `routes`; `admin`.
//!
//! ```no_run
//! # async fn run(
//! #     log: auditrail_store::PgAuditLog,
//! #     keys: impl auditrail_server::Authenticator + 'static,
//! #     writes: impl auditrail_server::Writes + 'static,
//! #     interrupted: impl Future<Output = ()>,
//! # ) -> std::io::Result<()> {
//! use auditrail_server::{App, Connections, Operations, ServerConfig, admin_router, router, serve};
//!
//! let config = ServerConfig::default();
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let admin = tokio::net::TcpListener::bind("127.0.0.1:9090").await?;
//! let app = App::new(config.clone(), log, keys, writes);
//! let stop = app.shutting_down().clone();
//! let shutdown_signal = async {
//!     interrupted.await;
//!     stop.begin();
//! };
//! let connections = app.connections();
//! let begun = stop.begun(config.shutdown_delay);
//! let public = serve(listener, router(app.clone()), &config, connections, begun);
//! // The admin listener stays up until the public one has drained.
//! let operations = admin_router(Operations::new(&app, None));
//! let operators = Connections::new(32, 32);
//! let (drained, ()) = tokio::select! {
//!     outcome = async { tokio::join!(public, shutdown_signal) } => outcome,
//!     _ = serve(admin, operations, &config, &operators, std::future::pending()) => unreachable!(),
//! };
//! # Ok(())
//! # }
//! ```

mod admin;
mod app;
mod auth;
pub mod background;
mod caller;
mod clock;
mod config;
mod connections;
mod cors;
mod database_shares;
mod export_stream;
mod extract;
mod feed_reads;
mod json;
pub mod limits;
mod listen;
mod memory;
mod middleware;
mod openapi;
mod pace;
mod problem;
mod rate_limit;
mod refusals;
mod reserved_actions;
mod routes;
mod self_audit;
mod sequencing;
mod share_holder;
mod shares;
mod shutdown;
pub mod stats;
mod tail_stream;
mod tails;
mod telemetry;
mod writes;

pub use admin::{Operations, admin_router};
pub use app::App;
pub use auth::{AuthError, Authenticator, Principal, Scope, StoredKeys};
pub use config::ServerConfig;
pub use connections::Connections;
pub use cors::{CorsConfig, Origin, OriginError};
pub use listen::{Peer, serve};
pub use rate_limit::{Budget, BudgetError, RateBudgets};
pub use routes::{openapi, router};
pub use sequencing::{Sequencing, SequencingStatus};
pub use shutdown::ShuttingDown;
#[cfg(feature = "otlp")]
pub use telemetry::otlp;
pub use writes::{GroupWrites, WriteOrigin, Writes, WritesError};
