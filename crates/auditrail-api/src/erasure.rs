//! Results of erasures, and holds. Requests are types of `auditrail-core`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What an erasure did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErasureResult {
    /// Identifies the erasure; null for a dry run.
    pub id: Option<String>,
    /// The number of records.
    pub records: u64,
    /// Those of them that are held; 0 after an erasure.
    pub held: u64,
    /// The names of the holds.
    pub holds: Vec<String>,
    /// Records that had been altered after they were sealed, and cannot be proved any more.
    pub altered: u64,
    /// What ids were replaced by; null for a dry run.
    pub pseudonym: Option<String>,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HoldDocument {
    /// Identifies the hold.
    pub id: String,
    /// The name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// The values that the records have.
    pub filters: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: String,
    /// Who created it.
    pub created_by: String,
    /// When it was released; null while it holds.
    pub released_at: Option<String>,
    /// Who released it.
    pub released_by: Option<String>,
}

/// List of holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Holds {
    /// By name.
    pub data: Vec<HoldDocument>,
}
