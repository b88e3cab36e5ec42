//! The documents of the HTTP API, version 1: one type for each, which the server serializes and a client
//! deserializes.
//!
//! Records, pages, API keys and the inputs of writes are types of `auditrail-core`; here is what exists on
//! the wire only. Unknown fields are ignored when a document is read, because a later service may send
//! more. With the feature `openapi` each type describes itself as a JSON Schema.

mod api_key;
mod batch;
mod erasure;
mod facets;
mod feed;
mod histogram;
mod log;
mod problem;
mod retention;
mod stats;

pub use api_key::{IssuedKey, KeyPage, KeyPagination};
pub use batch::{BatchError, BatchResponse};
pub use erasure::{ErasureResult, HoldDocument, Holds};
pub use facets::{FacetValue, FacetValues, Facets, Values};
pub use feed::{FeedPage, TailEnd};
pub use histogram::{Histogram, HistogramBucket};
pub use log::{ConsistencyProof, ProofField, RecordProofDocument, VerifierKeys};
pub use problem::{FieldError, PROBLEM_TYPE_PREFIX, ProblemDocument};
pub use retention::RetentionRules;
pub use stats::{ActionStats, ActorStats, Bucket, Stats, TargetStats};
