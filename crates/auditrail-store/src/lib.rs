//! The audit log in PostgreSQL: its migrations, the runner that applies them, and every SQL
//! statement.
//!
//! Nothing outside this crate speaks SQL to the audit log, and no row type leaves it: callers see
//! the types of `auditrail-core`. On purpose it has no HTTP and no configuration files, and only
//! [`GroupWriter`] tries a write again by itself.
//!
//! Start with [`PgAuditLog`] to write and read records, [`BulkWriter`] to import many,
//! [`GroupWriter`] to write for many callers at once, [`PgApiKeys`] for API keys, [`migrate`] for the
//! schema's history, [`schema`] for what it should look like and [`grants`] for who may do what.

mod api_keys;
mod clock;
mod connect;
mod db;
mod error;
pub mod grants;
mod group_commit;
mod import;
mod key_version;
mod leadership;
pub mod migrate;
mod records;
pub mod schema;
mod sessions;
mod sql;
mod sqlstate;
mod value;

pub use api_keys::{ApiKeyPage, ApiKeysByHash, IssuedApiKey, PgApiKeys, Revoked, VersionedApiKey};
pub use error::StoreError;
pub use group_commit::{
    GroupWriter, Histogram, OnConflict, Unfinished, WriteError, WriteOutcome, WriteRequest,
    WriterLimits, WriterStats,
};
pub use import::{BulkWriter, ChunkOutcome};
pub use key_version::ApiKeyVersion;
pub use records::{
    ActionCount, ActorCount, BUCKETS_MAX, BucketCount, Interval, PgAuditLog, RECENT_MAX,
    RECENT_OF_VALUE_MAX, Summary, SummaryOptions, TargetCount,
};
pub use sessions::Sessions;

/// The Rust that the guides tell people to write does compile.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../docs/migrations.md")]
    mod migrations {}
    #[doc = include_str!("../../../docs/testing.md")]
    mod testing {}
}
