//! A small reverse proxy with audit records: everything that a gateway needs for them.
//!
//! The layers, from the outside: authentication ([`callers::identify`]), the audit layer, authorization
//! ([`callers::require`]), the proxy. The services behind it need no changes.
//!
//! Out of scope: TLS, upgraded connections, retries, load balancing, and an identity provider. It shows the place
//! of the audit layer, and is not for production.
//!
//! Start with [`router`]; `cargo xtask demo --gateway` runs it.

pub mod callers;
mod listener;
mod operations;
mod problem;
pub mod proxy;
mod signals;

use auditrail_tower::AuditLayer;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::middleware::{from_fn, from_fn_with_state};

use callers::Callers;
use proxy::Proxy;

pub use listener::nodelay;
pub use operations::operations;
pub use signals::shutdown_signal;

/// The gateway in front of the upstreams of `proxy`. Serve it with
/// `into_make_service_with_connect_info::<SocketAddr>()`, for the address of the peer.
pub fn router(audit: AuditLayer, callers: Callers, proxy: Proxy) -> Router {
    let pass = async move |request: Request<Body>| proxy.pass(request).await;
    Router::new()
        .fallback(pass)
        // From the inside to the outside: authorization, audit, authentication.
        .layer(from_fn(callers::require))
        .layer(audit)
        .layer(from_fn_with_state(callers, callers::identify))
}
