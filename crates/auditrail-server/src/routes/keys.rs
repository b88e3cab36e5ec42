//! `/v1/keys`: making, listing and revoking API keys.
//!
//! Takes the scope `admin`. A key that is bound to a tenant has to do with the keys of that tenant
//! alone, and makes no others; within that an administrator may give any scope, `admin` too, and a
//! key does not end with the one that made it. So `created_by` of every key names its maker, and so
//! does the record of its making, which is in the same transaction.

pub(super) mod create;
pub(super) mod list;
pub(super) mod revoke;
mod schema;

use auditrail_core::{Actor, ActorId};
use axum::http::StatusCode;

use crate::auth::Principal;
use crate::problem::Problem;

/// Who makes or revokes a key.
fn by(principal: &Principal) -> Actor {
    Actor::ApiKey(ActorId::from_stored(principal.key_id.clone()))
}

/// There is no such key, for this caller.
fn unknown() -> Problem {
    let detail = "no API key has this id";
    Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
}
