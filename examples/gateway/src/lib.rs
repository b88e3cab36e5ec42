//! A small reverse proxy that leaves audit records: the whole of what a gateway has to do for that.
//!
//! The layers, from outside: who calls ([`callers::identify`]), the audit layer, who may pass
//! ([`callers::require`]), the proxy. None of the services behind it knows of an audit log.
//!
//! Absent on purpose: TLS, upgraded connections, retries, balancing, and an identity provider. It shows where the
//! audit layer goes, and is no gateway to put before real users.
//!
//! Start reading at [`router`]; `cargo xtask demo --gateway` runs it.

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
pub use signals::told_to_end;

/// The gateway in front of what `proxy` knows. Listen with
/// `into_make_service_with_connect_info::<SocketAddr>()`: the peer's address is where a request is from.
pub fn router(audit: AuditLayer, callers: Callers, proxy: Proxy) -> Router {
    let pass = async move |request: Request<Body>| proxy.pass(request).await;
    Router::new()
        .fallback(pass)
        // From inside to outside: who may pass, what is recorded, who it is.
        .layer(from_fn(callers::require))
        .layer(audit)
        .layer(from_fn_with_state(callers, callers::identify))
}
