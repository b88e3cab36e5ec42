//! Erasures and holds.

use std::collections::BTreeMap;

#[cfg(feature = "openapi")]
use auditrail_core::openapi;
use serde::{Deserialize, Serialize};

/// A request to erase the values of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ErasureRequest {
    /// In the records of this actor, as `user:ana`. It or `target` is required.
    #[cfg_attr(feature = "openapi", schema(schema_with = openapi::erased_actor))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// In the records about this target, as `user:ana`.
    #[cfg_attr(feature = "openapi", schema(schema_with = openapi::erased_target))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Only these fields: `actor_id`, `actor_name`, `target_id`, `target_name`, `ip_address`, `user_agent`, `request_id`,
    /// `metadata`, `metadata.KEY`. Default: ids, names, address and user agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Why. It must not have what is erased.
    #[cfg_attr(feature = "openapi", schema(schema_with = openapi::reason))]
    pub reason: String,
    /// Count only, and name the holds in the way.
    #[serde(default)]
    pub dry_run: bool,
}

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

/// A request to hold records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    /// The name, which no other hold has.
    #[cfg_attr(feature = "openapi", schema(schema_with = openapi::hold_name))]
    pub name: String,
    /// Why.
    #[cfg_attr(feature = "openapi", schema(schema_with = openapi::reason))]
    pub reason: String,
    /// Parameters of a search: of actor, action, target, tenant, request, address and time. An empty object holds every
    /// record.
    pub filters: BTreeMap<String, String>,
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
