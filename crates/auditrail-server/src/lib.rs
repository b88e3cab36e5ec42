//! The audit log over HTTP.
//!
//! A handler here is translation: it takes a request apart, makes one call to the store, and writes
//! the answer down. What a record is and what is wrong with one is decided in `auditrail-core`; how
//! it is kept is decided in `auditrail-store`.
//!
//! Absent on purpose: SQL, TLS (a proxy's business), cookies and sessions, trust in
//! `X-Forwarded-For`, and content negotiation (each resource has one form). Nothing is answered
//! without a key, on loopback either.
//!
//! Where to start reading: [`App`] is what the routes work with, [`router`] lists them, [`serve`]
//! answers on a listener. [`Authenticator`] and [`Writes`] are the two doors through which the keys
//! and the writer come in.
//!
//! ```no_run
//! # async fn run(
//! #     log: auditrail_store::PgAuditLog,
//! #     keys: impl auditrail_server::Authenticator + 'static,
//! #     writes: impl auditrail_server::Writes + 'static,
//! #     interrupted: impl Future<Output = ()>,
//! # ) -> std::io::Result<()> {
//! use auditrail_server::{App, Operations, ServerConfig, admin_router, router, serve};
//!
//! let config = ServerConfig::default();
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let admin = tokio::net::TcpListener::bind("127.0.0.1:9090").await?;
//! let app = App::new(config.clone(), log, keys, writes);
//! let stop = app.shutting_down().clone();
//! let told = async {
//!     interrupted.await;
//!     stop.begin();
//! };
//! let served = serve(listener, router(app.clone()), &config, stop.begun(config.shutdown_delay));
//! // Supervisors are answered until the end.
//! let operations = admin_router(Operations::new(&app, None));
//! let (in_order, ()) = tokio::select! {
//!     ended = async { tokio::join!(served, told) } => ended,
//!     _ = serve(admin, operations, &config, std::future::pending()) => unreachable!(),
//! };
//! # Ok(())
//! # }
//! ```

mod access_log;
mod admin;
mod answer;
mod app;
mod auth;
mod batch;
mod body;
mod budgets;
mod clock;
mod config;
mod context;
mod cors;
mod docs_page;
mod export;
mod headers;
mod idempotency;
mod layers;
mod listen;
mod method;
mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
mod problem;
mod readiness;
mod request_id;
mod routes;
mod search;
mod shutdown;
mod span;
mod timeout;
mod trace_context;
mod writes;

pub use admin::{Operations, admin_router};
pub use app::App;
pub use auth::{AuthError, Authenticator, Principal, Scope, StoredKeys};
pub use budgets::{Budget, BudgetError, RateBudgets};
pub use config::{ServerConfig, limits};
pub use cors::{CorsConfig, Origin, OriginError};
pub use listen::{Peer, serve};
pub use routes::{openapi, router};
pub use shutdown::ShuttingDown;
pub use writes::{GroupWrites, Writes, WritesError};
