//! Schemas of the text of erasures and holds.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema};

use super::query::{ACTOR_PATTERN, TARGET_PATTERN};
use super::{Null, identifier, string};
use crate::{HOLD_NAME_MAX_CHARS, REASON_MAX_CHARS};

/// The actor of an erasure.
#[must_use]
pub fn erased_actor() -> RefOr<Schema> {
    let description = "In the records of this actor, as `user:ana`. It or `target` is required.";
    built(string(Null::Allowed).pattern(Some(ACTOR_PATTERN)).description(Some(description)))
}

/// The target of an erasure.
#[must_use]
pub fn erased_target() -> RefOr<Schema> {
    let description = "In the records about this target, as `user:ana`.";
    built(string(Null::Allowed).pattern(Some(TARGET_PATTERN)).description(Some(description)))
}

/// The reason of an erasure or a hold.
#[must_use]
pub fn reason() -> RefOr<Schema> {
    let description = "Why. It must not have what is erased.";
    built(identifier(REASON_MAX_CHARS, Null::Never).description(Some(description)))
}

/// The name of a hold.
#[must_use]
pub fn hold_name() -> RefOr<Schema> {
    let description = "The name, which no other hold has.";
    built(identifier(HOLD_NAME_MAX_CHARS, Null::Never).description(Some(description)))
}

fn built(schema: ObjectBuilder) -> RefOr<Schema> {
    schema.build().into()
}
