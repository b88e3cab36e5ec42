//! The response to a batch.

use auditrail_core::Record;
use serde::{Deserialize, Serialize};

/// Outcome of a batch. The three counts add up to its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BatchAnswer))]
pub struct BatchResponse {
    /// Number of records written.
    pub created: u64,
    /// Number of records that existed with the same content, or occur twice in the batch.
    pub duplicates: u64,
    /// Number of records not written.
    pub rejected: u64,
    /// One error for each record not written.
    pub errors: Vec<BatchError>,
    /// With `return=full`: the records in request order, with their ids and times; null for a
    /// record that was not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Vec<Option<Record>>, required = false)
    )]
    pub records: Option<Vec<Option<Record>>>,
}

/// Error of one record of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchError {
    /// Zero-based index of the record in the batch.
    pub index: usize,
    /// Stable machine-readable code; that of the first invalid field if there are several.
    pub code: String,
    /// Human-readable explanation.
    pub detail: String,
}
