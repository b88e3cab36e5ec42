//! `/v1/keys`: creates, lists and revokes API keys.
//!
//! Requires the scope `admin`. A key that is restricted to a tenant manages the keys of that tenant only.
//! Within that limit an administrator may grant any scope, including `admin`, and revoking a key does not
//! revoke the keys it created. Therefore `created_by` of a key has its creator, and so does the audit record of
//! its creation, which is written in the same transaction.

pub(super) mod create;
pub(super) mod list;
pub(super) mod revoke;

use auditrail_core::{Actor, ActorId};
use axum::http::StatusCode;

use crate::auth::Principal;
use crate::problem::Problem;

/// The actor of audit records about keys and rules of retention.
pub(super) fn actor(principal: &Principal) -> Actor {
    Actor::ApiKey(ActorId::from_stored(principal.key_id.clone()))
}

/// The key does not exist, or the caller may not see it.
fn not_found() -> Problem {
    let detail = "no API key has this id";
    Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
}
