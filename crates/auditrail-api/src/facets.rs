//! Values of fields.

use auditrail_core::{Facet, ValueField};
use serde::{Deserialize, Serialize};
#[cfg(feature = "openapi")]
use utoipa::PartialSchema as _;

/// The most frequent values of fields among the matching records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facets {
    /// The requested fields, in the order of the request.
    pub facets: Vec<FacetValues>,
}

/// The most frequent values of a field. The filter on the field itself is ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FacetValues {
    /// Name of the field, which is that of its filter.
    #[cfg_attr(feature = "openapi", schema(schema_with = Facet::schema))]
    pub field: String,
    /// Whether the values were counted. If not, the time was not sufficient, and `values` is empty.
    pub complete: bool,
    /// Whether only the newest records were counted.
    pub sampled: bool,
    /// Start of the counted time range; `null` if every match was counted.
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    pub since: Option<String>,
    /// Whether there are more values.
    pub has_more: bool,
    /// Up to 20 values, most records first. Records without a value are not counted.
    pub values: Vec<FacetValue>,
}

/// Number of records with a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FacetValue {
    /// Value, as its filter takes it.
    pub value: String,
    /// Number of matching records.
    pub count: u64,
}

/// The values of a field that start with a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Values {
    /// Name of the field.
    #[cfg_attr(feature = "openapi", schema(schema_with = ValueField::schema))]
    pub field: String,
    /// Values in order: actions by bytes, other fields in the order of the database's language.
    pub values: Vec<String>,
    /// Whether more values with the prefix were found.
    pub has_more: bool,
    /// Whether all values were searched until `limit` was reached. If not, the search ended after 1,000 values or about
    /// half a second, and there may be more values with the prefix.
    pub complete: bool,
    /// Whether only the newest 25,000 records were searched: those of a tenant, or of all for addresses.
    pub sampled: bool,
    /// Time of the oldest searched record, if older records were not searched.
    #[cfg_attr(feature = "openapi", schema(format = "date-time"))]
    pub since: Option<String>,
}
