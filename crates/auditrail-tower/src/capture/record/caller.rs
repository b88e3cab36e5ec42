//! What is known of a request before it is handled, and what is known of the handler's own record.

use std::net::IpAddr;

use auditrail_core::limits::USER_AGENT_MAX_CHARS;
use auditrail_core::{RecordId, RequestContext};
use http::{HeaderValue, Method};

use super::columns::parse_or_truncate;
use super::principal::Principal;
use crate::clock;

/// What is known of a request before it is handled, whether a rule matches it or not.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) method: Method,
    pub(crate) principal: Principal,
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: Option<HeaderValue>,
    /// The rule that records the request, if one does.
    pub(crate) rule: Option<usize>,
    /// The tenant by that rule, unless it is in a body.
    pub(crate) rule_tenant: Option<String>,
}

impl Caller {
    pub(super) fn context(&self, request_id: &str) -> RequestContext {
        let agent = self.user_agent.as_ref().map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        RequestContext {
            ip_address: self.address,
            user_agent: agent.and_then(|agent| parse_or_truncate(&agent, USER_AGENT_MAX_CHARS)),
            request_id: request_id.parse().ok(),
        }
    }
}

/// The record that the handler writes itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OwnRecord {
    /// The intent of the request, whose outcome the record is.
    pub(crate) intent: Option<RecordId>,
    /// The id of the first input.
    pub(crate) id: Option<RecordId>,
    /// Whether the handler confirmed that the record is committed.
    pub(crate) is_committed: bool,
}

impl OwnRecord {
    /// The id of the next input: of the first, the outcome of the intent.
    pub(super) fn next_id(&mut self) -> Option<RecordId> {
        let is_first = self.id.is_none();
        let outcome = self.intent.map(RecordId::outcome_of_intent).filter(|_| is_first);
        let id = outcome.or_else(clock::record_id);
        self.id = self.id.or(id);
        id
    }

    pub(super) fn commit(&mut self, id: RecordId) {
        let expected = self.intent.map(RecordId::outcome_of_intent).or(self.id);
        self.is_committed |= expected.is_none_or(|expected| expected == id);
    }
}
