//! The request that caused a record.

use std::net::IpAddr;

use crate::text::{RequestId, UserAgent};

/// The request that caused a record. Every field is optional: a background job has none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequestContext {
    /// The address of the client, if it is known. IPv4-mapped IPv6 is not converted.
    pub ip_address: Option<IpAddr>,
    /// The user agent of the client.
    pub user_agent: Option<UserAgent>,
    /// The id of the request, for correlation with logs and traces.
    pub request_id: Option<RequestId>,
}
