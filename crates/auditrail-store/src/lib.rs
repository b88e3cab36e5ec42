//! The audit log in PostgreSQL: its migrations, the runner that applies them, and every SQL
//! statement.
//!
//! Nothing outside this crate speaks SQL to the audit log, and no row type leaves it: callers see
//! the types of `auditrail-core`. On purpose it has no HTTP, no configuration files and no retry
//! policy for writes.
//!
//! Start with [`migrate`] for the schema's history and [`schema`] for what it should look like.

pub mod migrate;
pub mod schema;

/// The Rust in the guides compiles.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../docs/testing.md")]
    struct Testing;
    #[doc = include_str!("../../../docs/migrations.md")]
    struct Migrations;
}
