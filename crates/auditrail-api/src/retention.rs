//! Rules of retention over HTTP.

use auditrail_core::RetentionRule;
use serde::Serialize;

/// List of rules of retention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetentionRules {
    /// Rules of all tenants first, then by tenant and action.
    pub data: Vec<RetentionRule>,
}
