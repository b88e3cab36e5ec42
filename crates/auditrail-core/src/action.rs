//! What was done.

use crate::error::ValueError;
use crate::limits::ACTION_MAX_CHARS;
use crate::open_enum::open_enum;
use crate::text::{self, Empty};

open_enum! {
    /// What was done, as `resource.verb`.
    ///
    /// Parsing asks for a dot with text on both sides of it, leaves the case free (`iam.CreateUser`)
    /// and allows more dots. It refuses text ending in `.*`, which means a prefix in searches.
    Action, other = OtherAction, check = check_new,
    {
        /// A project was made.
        ProjectCreated = "project.created",
        /// A project was changed.
        ProjectUpdated = "project.updated",
        /// A project was deleted.
        ProjectDeleted = "project.deleted",
        /// A project was suspended by a person.
        ProjectSuspended = "project.suspended",
        /// A project was suspended by the system.
        ProjectAutoSuspended = "project.auto_suspended",
        /// An API key was made.
        KeyCreated = "key.created",
        /// An API key was replaced.
        KeyRotated = "key.rotated",
        /// An API key was revoked.
        KeyRevoked = "key.revoked",
        /// A user was invited.
        UserInvited = "user.invited",
        /// A user was removed.
        UserRemoved = "user.removed",
        /// A user was given another role.
        UserRoleChanged = "user.role_changed",
        /// A secret was made.
        SecretCreated = "secret.created",
        /// A secret was read.
        SecretAccessed = "secret.accessed",
        /// A secret was replaced.
        SecretRotated = "secret.rotated",
    }
}

/// Checks an action that someone asks us to write.
fn check_new(action: &str) -> Result<(), ValueError> {
    text::check(action, ACTION_MAX_CHARS, Empty::refused)?;
    let has_both_sides = action.contains('.') && !action.starts_with('.') && !action.ends_with('.');
    if !has_both_sides || action.ends_with(".*") {
        return Err(ValueError::BadFormat { expected: "resource.verb, such as project.created" });
    }
    Ok(())
}
