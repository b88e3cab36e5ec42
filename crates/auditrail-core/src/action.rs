//! The action of a record.

use crate::error::ValueError;
use crate::limits::ACTION_MAX_CHARS;
use crate::open_enum::open_enum;
use crate::text::{self, Empty};

open_enum! {
    /// The action of a record, as `resource.verb`.
    ///
    /// Parsing requires a dot with text on both sides, and allows any case (`iam.CreateUser`) and more
    /// dots. It rejects text that ends in `.*`, which is a prefix in searches.
    Action, other = OtherAction, check = check_new,
    {
        /// A project was created.
        ProjectCreated = "project.created",
        /// A project was changed.
        ProjectUpdated = "project.updated",
        /// A project was deleted.
        ProjectDeleted = "project.deleted",
        /// A project was suspended by a person.
        ProjectSuspended = "project.suspended",
        /// A project was suspended by the system.
        ProjectAutoSuspended = "project.auto_suspended",
        /// An API key was created.
        KeyCreated = "key.created",
        /// An API key was replaced.
        KeyRotated = "key.rotated",
        /// An API key was revoked.
        KeyRevoked = "key.revoked",
        /// A user was invited.
        UserInvited = "user.invited",
        /// A user was removed.
        UserRemoved = "user.removed",
        /// The role of a user was changed.
        UserRoleChanged = "user.role_changed",
        /// A secret was created.
        SecretCreated = "secret.created",
        /// A secret was read.
        SecretAccessed = "secret.accessed",
        /// A secret was replaced.
        SecretRotated = "secret.rotated",
    }
}

/// Checks the action of a new record.
fn check_new(action: &str) -> Result<(), ValueError> {
    text::check(action, ACTION_MAX_CHARS, Empty::refused)?;
    let has_both_sides = action.contains('.') && !action.starts_with('.') && !action.ends_with('.');
    if !has_both_sides || action.ends_with(".*") {
        return Err(ValueError::BadFormat { expected: "resource.verb, such as project.created" });
    }
    Ok(())
}
