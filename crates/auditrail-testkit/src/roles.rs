//! The roles of each test database.

use auditrail_store::grants::{self, Roles};

/// Owns the database, and migrates it.
pub(crate) const OWNER: &str = "auditrail_owner";
/// Adds and reads records.
pub(crate) const APP: &str = "auditrail_app";
/// Reads records.
pub(crate) const READER: &str = "auditrail_reader";
/// Runs the HTTP service.
pub(crate) const SERVICE: &str = "auditrail_service";

/// The statements that `auditrail migrate grants` prints for these roles.
pub(crate) fn grants() -> String {
    let role = |name: &str| {
        Some(name.parse().unwrap_or_else(|e| panic!("`{name}` is not a role name: {e}")))
    };
    grants::sql(&Roles { writer: role(APP), reader: role(READER), service: role(SERVICE) })
}
