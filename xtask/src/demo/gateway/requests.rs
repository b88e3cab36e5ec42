//! The requests of the demonstration, and a client that sends them.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use crate::error::{Error, Result};

const TIMEOUT: Duration = Duration::from_secs(30);
/// The `X-Forwarded-For` of all requests, which the gateway must not trust.
pub(super) const FORGED_ADDRESS: &str = "203.0.113.66";
/// Must not occur in any record.
pub(super) const SECRET: &str = "deploy-secret-of-p1";

/// A request by user, method, path and body, and the status of the expected response.
pub(super) type Exchange = (Option<&'static str>, &'static str, &'static str, &'static str, u16);

const ANA: Option<&str> = Some("ana");
const BEN: Option<&str> = Some("ben");

/// While the audit log is up. No rule matches the refund.
pub(super) const LOG_UP: [Exchange; 7] = [
    (ANA, "POST", "/projects", r#"{"name":"Apollo"}"#, 201),
    (ANA, "PATCH", "/projects/p1", r#"{"name":"Artemis"}"#, 200),
    (None, "POST", "/projects", r#"{"name":"Mallory's"}"#, 401),
    (BEN, "POST", "/billing/invoices", "{}", 201),
    (BEN, "POST", "/billing/invoices/inv1/pay", "{}", 200),
    (BEN, "POST", "/billing/invoices/inv0/pay", "{}", 409),
    (BEN, "POST", "/billing/refunds", "{}", 202),
];

/// While it is down: the rule of the deletion has the failure policy `must`.
pub(super) const LOG_DOWN: [Exchange; 2] = [
    (ANA, "DELETE", "/projects/p1", "", 503),
    (ANA, "PATCH", "/projects/p1", r#"{"name":"Ares"}"#, 200),
];

/// Once it is up again.
pub(super) const LOG_UP_AGAIN: [Exchange; 1] = [(ANA, "DELETE", "/projects/p1", "", 204)];

/// An HTTP client of one server.
pub(super) struct Caller {
    agent: Agent,
    base: String,
}

impl Caller {
    pub(super) fn new(base: String) -> Self {
        let config = Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(TIMEOUT)).build().new_agent();
        Self { agent, base }
    }

    /// Sends requests one after the other, and fails on an unexpected status.
    pub(super) fn send(&self, exchanges: &[Exchange]) -> Result<()> {
        for exchange in exchanges {
            let (user, method, path, _, expected) = exchange;
            let status = self.status(exchange)?;
            println!("{method:<6} {path:<28} as {:<9} {status}", user.unwrap_or("anonymous"));
            if status != *expected {
                let error = format!("{method} {path} returned {status} instead of {expected}");
                return Err(Error::Refused(error));
            }
        }
        Ok(())
    }

    fn status(&self, (user, method, path, body, _): &Exchange) -> Result<u16> {
        let mut request = Request::builder()
            .method(*method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .header("x-forwarded-for", FORGED_ADDRESS);
        if let Some(user) = user {
            request = request.header("authorization", format!("Bearer {user}-token"));
        }
        let request = request.body(*body).map_err(|error| Error::Refused(error.to_string()))?;
        let response = self.agent.run(request).map_err(|error| self.no_response(&error))?;
        Ok(response.status().as_u16())
    }

    /// Reads a JSON document.
    pub(super) fn read(&self, path: &str) -> Result<Value> {
        let response = self.agent.get(format!("{}{path}", self.base)).call();
        let text = response
            .and_then(|mut response| response.body_mut().read_to_string())
            .map_err(|error| self.no_response(&error))?;
        serde_json::from_str(&text)
            .map_err(|error| Error::Refused(format!("{}{path} is not JSON: {error}", self.base)))
    }

    fn no_response(&self, error: &ureq::Error) -> Error {
        Error::Refused(format!("no response from {}: {error}", self.base))
    }
}
