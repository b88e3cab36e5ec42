//! Counts and lists of values over many records.

use auditrail_api::{Facets, Histogram, Values};
use auditrail_core::{Bars, Facet, Filters, TenantId, ValueField, ValuesLimit};

use super::{Client, LOGS, encode};
use crate::error::ClientError;

/// Maximum bytes of such a response: far above 200 buckets, or the values of every field.
const RESPONSE_MAX_BYTES: usize = 1024 * 1024;

impl Client {
    /// Counts matching records by buckets of time, at most `bars` of them.
    ///
    /// # Errors
    /// When the request fails.
    pub async fn histogram(&self, filters: &Filters, bars: Bars) -> Result<Histogram, ClientError> {
        let mut pairs = filters.to_pairs();
        pairs.push(("bars".into(), bars.to_string()));
        let path = format!("{LOGS}/histogram?{}", encode(&pairs)?);
        self.get_json(path, RESPONSE_MAX_BYTES).await
    }

    /// Counts the most frequent values of fields among matching records; of every field if `facets` is empty. Each
    /// field ignores its own filter.
    ///
    /// # Errors
    /// When the request fails.
    pub async fn facets(&self, filters: &Filters, facets: &[Facet]) -> Result<Facets, ClientError> {
        let mut pairs = filters.to_pairs();
        if !facets.is_empty() {
            let fields: Vec<&str> = facets.iter().map(|facet| facet.as_str()).collect();
            pairs.push(("fields".into(), fields.join(",")));
        }
        let path = format!("{LOGS}/facets?{}", encode(&pairs)?);
        self.get_json(path, RESPONSE_MAX_BYTES).await
    }

    /// Lists the values of a field that start with `prefix`, those of the newest records of a tenant if one is given.
    ///
    /// # Errors
    /// When the request fails, or the prefix is too long or contains control characters.
    pub async fn values(
        &self,
        field: ValueField,
        prefix: &str,
        tenant: Option<&TenantId>,
        limit: ValuesLimit,
    ) -> Result<Values, ClientError> {
        let mut pairs = vec![
            ("field".into(), field.to_string()),
            ("prefix".into(), prefix.to_owned()),
            ("limit".into(), limit.get().to_string()),
        ];
        pairs.extend(tenant.map(|tenant| ("tenant_id".into(), tenant.to_string())));
        let path = format!("{LOGS}/values?{}", encode(&pairs)?);
        self.get_json(path, RESPONSE_MAX_BYTES).await
    }
}
