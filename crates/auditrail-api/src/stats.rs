//! Counts of records.

use auditrail_core::Interval;
use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::PartialSchema as _;

/// Counts of the matching records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stats {
    /// Number of records counted.
    pub total: u64,
    /// Whether older matching records were left out.
    pub truncated: bool,
    /// Start of the counted time range; `null` if every match was counted.
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    pub since: Option<String>,
    /// Width of a time bucket.
    #[cfg_attr(feature = "openapi", schema(schema_with = Interval::schema))]
    pub interval: Interval,
    /// The latest 366 non-empty buckets, earliest first.
    pub buckets: Vec<Bucket>,
    /// The 20 most frequent actors, most records first.
    pub actors: Vec<ActorStats>,
    /// The 20 most frequent actions, most records first.
    pub actions: Vec<ActionStats>,
    /// The 20 most frequent targets, most records first.
    pub targets: Vec<TargetStats>,
}

/// Number of records in a time bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bucket {
    /// Start of the bucket: a whole minute, hour or day in UTC.
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    pub start: String,
    /// Number of matching records.
    pub count: u64,
}

/// Number of records of an actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActorStats {
    /// Actor type.
    pub actor_type: String,
    /// Actor id.
    pub actor_id: String,
    /// Number of matching records.
    pub count: u64,
}

/// Number of records of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActionStats {
    /// Action name.
    pub action: String,
    /// Number of matching records.
    pub count: u64,
}

/// Number of records of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TargetStats {
    /// Target type.
    pub target_type: String,
    /// Target id.
    pub target_id: String,
    /// Number of matching records.
    pub count: u64,
}
