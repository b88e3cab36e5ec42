//! Authentication: looks up the bearer token of a request in a file.
//!
//! A real gateway would use an identity provider here. Relevant to the audit log is the order of the layers:
//! [`identify`] is outside the audit layer, which needs the caller; [`require`] is inside, so that rejected
//! requests are recorded too.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use auditrail_core::Actor;
use auditrail_tower::Principal;
use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode, header};
use axum::middleware::Next;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::problem::problem;

/// A known caller.
#[derive(Clone, Debug)]
pub struct Caller {
    actor: Actor,
    /// Identifies the token, and is not a secret.
    credential_id: String,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.actor.actor_type(), self.actor.id())
    }
}

/// All known callers. Tokens are stored as SHA-256, so that the timing of a lookup reveals nothing, and a stolen
/// file contains no tokens.
#[derive(Clone, Debug)]
pub struct Callers(Arc<HashMap<[u8; 32], Caller>>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    caller: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    actor: String,
    credential_id: String,
    token_sha256: String,
}

impl Callers {
    /// Reads the file.
    ///
    /// # Errors
    /// A description of the problem.
    pub fn load(path: &Path) -> Result<Self, String> {
        let at = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| at(&error))?;
        let file: File = toml::from_str(&text).map_err(|error| at(&error))?;
        let mut callers = HashMap::new();
        for entry in file.caller {
            let actor = entry.actor.parse().map_err(|error| at(&error))?;
            let hash = unhex(&entry.token_sha256)
                .ok_or_else(|| at(&"token_sha256 must be 64 hexadecimal digits"))?;
            callers.insert(hash, Caller { actor, credential_id: entry.credential_id });
        }
        Ok(Self(Arc::new(callers)))
    }

    fn of(&self, parts: &Parts) -> Option<Caller> {
        let authorization = parts.headers.get(header::AUTHORIZATION)?.as_bytes();
        let token = authorization.strip_prefix(b"Bearer ")?;
        self.0.get(&<[u8; 32]>::from(Sha256::digest(token))).cloned()
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Identifies the caller, without rejecting requests.
pub async fn identify(
    State(callers): State<Callers>,
    request: Request<Body>,
    next: Next,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    if let Some(caller) = callers.of(&parts) {
        parts.extensions.insert(caller);
    }
    next.run(Request::from_parts(parts, body)).await
}

/// Rejects requests of unknown callers.
pub async fn require(request: Request<Body>, next: Next) -> Response<Body> {
    match request.extensions().get::<Caller>() {
        Some(_) => next.run(request).await,
        None => problem(StatusCode::UNAUTHORIZED, "send a valid bearer token"),
    }
}

/// The principal for the audit layer; `None` for an unknown caller.
#[must_use]
pub fn principal(parts: &Parts) -> Option<Principal> {
    let caller = parts.extensions.get::<Caller>()?;
    Some(Principal::new(caller.actor.clone()).with_credential(caller.credential_id.clone()))
}
