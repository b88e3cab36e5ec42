//! Where a request came from.

use std::net::IpAddr;

use crate::text::{RequestId, UserAgent};

/// Where the request that caused a record came from. Everything is optional: jobs have none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequestContext {
    /// The address of the caller, as far as it can be trusted. IPv4-mapped IPv6 is kept as it is.
    pub ip_address: Option<IpAddr>,
    /// The software that made the request.
    pub user_agent: Option<UserAgent>,
    /// The request, to find it in logs and traces.
    pub request_id: Option<RequestId>,
}
