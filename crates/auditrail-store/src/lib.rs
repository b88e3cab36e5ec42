//! The audit log in PostgreSQL: its migrations, the runner that applies them, and every SQL statement.
//!
//! No other crate accesses the audit log by SQL, and the interface has the types of `auditrail-core`
//! instead of rows. Deliberately without HTTP and configuration files; only [`GroupWriter`] retries writes.
//!
//! Entry points: [`PgAuditLog`] to write and read records, [`BulkWriter`] to import many,
//! [`GroupWriter`] to write for many callers at once, [`sequencer`] for the order of the records, [`text_index`] for their words,
//! [`PgApiKeys`] for API keys, [`migrate`] for the migrations, [`partitions`] for the parts of the table,
//! [`schema`] for the descriptions of the schema and [`grants`] for privileges.

mod api_keys;
pub mod archive;
mod blocker;
mod clock;
mod connect;
mod database_url;
mod db;
pub mod erasure;
mod error;
pub mod grants;
mod group_commit;
pub mod holds;
mod identifier;
mod import;
mod key_version;
mod leadership;
pub mod migrate;
mod owner_session;
pub mod partitions;
mod records;
mod retention;
pub mod schema;
pub mod sequencer;
mod sessions;
mod snapshot;
mod sql;
mod sqlstate;
pub mod text_index;
pub mod tree;
mod value;
mod words;

pub use api_keys::{ApiKeyPage, ApiKeysByHash, IssuedApiKey, PgApiKeys, Revoked, VersionedApiKey};
pub use connect::end_with_client;
pub use database_url::{DatabaseUrlError, parse_database_url};
pub use error::StoreError;
pub use group_commit::{
    GroupWriter, Histogram, OnConflict, Unfinished, WriteError, WriteOutcome, WriteRequest,
    WriterLimits, WriterStats,
};
pub use import::{BulkWriter, ChunkOutcome};
pub use key_version::ApiKeyVersion;
pub use records::{
    ActionCount, ActorCount, BUCKETS_MAX, BucketCount, FacetCounts, FacetsOptions, FeedBatch,
    FieldValues, HistogramBucket, HistogramOptions, PgAuditLog, RECENT_MAX, RECENT_OF_VALUE_MAX,
    StoredParts, Summary, SummaryOptions, TargetCount, TimeHistogram, ValueCount, ValuesOptions,
};
pub use retention::{
    PgRetention, RemovedRecords, RetentionDue, RetentionError, RetentionOptions, RetentionPlan,
    RetentionReport, RetentionRun, RetentionStep, RuleChange, RunLimits, TablePlan,
};
pub use sessions::Sessions;

/// Compiles the Rust examples of the guides.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../docs/migrations.md")]
    mod migrations {}
    #[doc = include_str!("../../../docs/testing.md")]
    mod testing {}
}
