//! One record of the sample, in the flat form that `auditrail import --format ndjson` reads.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A record; the fields are the columns of `control_plane.audit_logs`.
///
/// Values are within the limits of the schema. Fields without a value are omitted from the JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SampleRecord {
    /// A UUIDv7 of `created_at`.
    pub id: Uuid,
    /// A person's name with a dot, an API key's id, or `system`.
    pub actor_id: String,
    /// `user`, `api_key` or `system`.
    pub actor_type: &'static str,
    /// `resource.verb`.
    pub action: &'static str,
    /// Kind of the target.
    pub target_type: &'static str,
    /// The target within its kind.
    pub target_id: String,
    /// A small flat object.
    pub metadata: Map<String, Value>,
    /// A documentation or private address; none for `system`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// The user agent; none for `system`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// To the microsecond.
    #[serde(serialize_with = "microseconds")]
    pub created_at: Timestamp,
    /// The organization it belongs to.
    pub tenant_id: &'static str,
    /// The same for all records of one request.
    pub request_id: String,
}

/// RFC 3339 with exactly six fractional digits, so that times sort as text.
fn microseconds<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    to.serialize_str(&PRINTER.timestamp_to_string(at))
}
