//! The requests of the demonstration, and a caller that sends them.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use crate::error::{Error, Result};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// An address that a caller only claims to have.
pub(super) const CLAIMED: &str = "203.0.113.66";
/// What must not get into any record.
pub(super) const SECRET: &str = "deploy-secret-of-p1";

/// One request and the status it must get.
pub(super) struct Asked {
    pub(super) who: Option<&'static str>,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) body: &'static str,
    pub(super) status: u16,
}

const fn asked(
    who: Option<&'static str>,
    method: &'static str,
    path: &'static str,
    body: &'static str,
    status: u16,
) -> Asked {
    Asked { who, method, path, body, status }
}

const ANA: Option<&str> = Some("ana");
const BEN: Option<&str> = Some("ben");

/// While all is well. The refund is what no rule is about.
pub(super) const USUAL: [Asked; 7] = [
    asked(ANA, "POST", "/projects", r#"{"name":"Apollo"}"#, 201),
    asked(ANA, "PATCH", "/projects/p1", r#"{"name":"Artemis"}"#, 200),
    asked(None, "POST", "/projects", r#"{"name":"Mallory's"}"#, 401),
    asked(BEN, "POST", "/billing/invoices", "{}", 201),
    asked(BEN, "POST", "/billing/invoices/inv1/pay", "{}", 200),
    asked(BEN, "POST", "/billing/invoices/inv0/pay", "{}", 409),
    asked(BEN, "POST", "/billing/refunds", "{}", 202),
];

/// While the audit log is away: what must be recorded is refused, the rest waits on disk.
pub(super) const ALONE: [Asked; 2] = [
    asked(ANA, "DELETE", "/projects/p1", "", 503),
    asked(ANA, "PATCH", "/projects/p1", r#"{"name":"Ares"}"#, 200),
];

/// Once it is back.
pub(super) const AGAIN: [Asked; 1] = [asked(ANA, "DELETE", "/projects/p1", "", 204)];

/// Somebody who sends requests to the gateway.
pub(super) struct Caller {
    agent: Agent,
    to: String,
}

impl Caller {
    pub(super) fn new(to: String) -> Self {
        let config = Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(PATIENCE)).build().new_agent();
        Self { agent, to }
    }

    /// Sends these one after the other, and tells of each.
    pub(super) fn send(&self, requests: &[Asked]) -> Result<()> {
        for asked in requests {
            let Asked { who, method, path, status, .. } = asked;
            let answered = self.call(asked)?;
            println!("{method:<6} {path:<28} as {:<7} {answered}", who.unwrap_or("nobody"));
            if answered != *status {
                let told = format!("{method} {path} got {answered} instead of {status}");
                return Err(Error::Refused(told));
            }
        }
        Ok(())
    }

    fn call(&self, asked: &Asked) -> Result<u16> {
        let Asked { who, method, path, body, .. } = asked;
        let mut request = Request::builder()
            .method(*method)
            .uri(format!("{}{path}", self.to))
            .header("content-type", "application/json")
            .header("x-forwarded-for", CLAIMED);
        if let Some(who) = who {
            request = request.header("authorization", format!("Bearer {who}-token"));
        }
        let request = request.body(*body).map_err(|error| Error::Refused(error.to_string()))?;
        let answer = self.agent.run(request);
        answer.map(|answer| answer.status().as_u16()).map_err(|error| self.unheard(&error))
    }

    /// Reads a JSON document.
    pub(super) fn read(&self, path: &str) -> Result<Value> {
        let answer = self.agent.get(format!("{}{path}", self.to)).call();
        let text = answer.and_then(|mut answer| answer.body_mut().read_to_string());
        let text = text.map_err(|error| self.unheard(&error))?;
        let told = |error| Error::Refused(format!("{}{path} is no JSON: {error}", self.to));
        serde_json::from_str(&text).map_err(told)
    }

    fn unheard(&self, error: &ureq::Error) -> Error {
        Error::Refused(format!("{} did not answer: {error}", self.to))
    }
}
