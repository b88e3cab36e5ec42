//! The transparency log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The keys that verify checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VerifierKeys {
    /// Oldest first, as `NAME+ID+KEY`, where the name is that of the log.
    pub data: Vec<String>,
}

/// The proof that a tree begins with the leaves of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConsistencyProof {
    /// `auditrail/consistency/v1`.
    pub version: String,
    /// The number of entries of the earlier tree.
    pub from: u64,
    /// The number of entries of the later tree.
    pub to: u64,
    /// The hashes, in Base64.
    pub hashes: Vec<String>,
}

/// The proof of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordProofDocument {
    /// `auditrail/proof/v1`.
    pub version: String,
    /// The id of the record.
    pub id: String,
    /// Its time.
    pub created_at: String,
    /// Each field by its name.
    pub fields: BTreeMap<String, ProofField>,
    /// The inclusion proof of the entry with a checkpoint, in the form of <https://c2sp.org/tlog-proof>.
    pub tlog_proof: String,
}

/// A field in the proof of a record: its value with a salt, or its commitment alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofField {
    /// The text that PostgreSQL prints for the value; null if the record has none.
    pub value: Option<String>,
    /// The salt, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// The commitment to a value that was left out of this proof, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
    /// The commitment to a value that was erased, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<String>,
}
