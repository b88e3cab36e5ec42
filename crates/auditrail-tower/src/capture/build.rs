//! Makes the record of a request.

use std::borrow::Cow;
use std::net::IpAddr;
use std::str::FromStr;

use auditrail_core::limits::{
    ACTOR_ID_MAX_CHARS, TARGET_ID_MAX_CHARS, TARGET_TYPE_MAX_CHARS, TENANT_ID_MAX_CHARS,
    USER_AGENT_MAX_CHARS,
};
use auditrail_core::{
    Actor, ActorId, CreateInput, Metadata, RecordId, RequestContext, Target, TargetId,
};
use http::{HeaderValue, Method};
use serde_json::Value;

use super::handle::{AuditHandle, Said};
use super::metadata::{Http, Parts};
use super::outcome::Outcome;
use super::place::Place;
use super::principal::Principal;
use super::tap::Tap;
use crate::policy::{Candidate, Compiled, Level, Policy, Source, column, number_text, picked};

/// Most characters of a method; strangers make up long ones.
const METHOD_MAX_CHARS: usize = 100;
const UNKNOWN: &str = "unknown";

/// What is known about a request before it is handled.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) method: Method,
    /// The rules about its method and path.
    pub(crate) candidates: Vec<Candidate>,
    /// The headers that ids are taken from, by their names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) principal: Principal,
    pub(crate) handle: AuditHandle,
    pub(crate) body: Option<Tap>,
    /// Where it went, when there may be a status that no rule is about.
    pub(crate) place: Option<Place>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    pub(crate) status: Option<u16>,
    pub(crate) grpc_code: Option<u16>,
    pub(crate) duration_ms: f64,
}

/// What a record is made of, besides the facts.
pub(crate) struct Making<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) facts: &'a Facts,
    pub(crate) candidate: &'a Candidate,
    /// None for the intent.
    pub(crate) end: Option<End>,
    /// The intent that this is the outcome of.
    pub(crate) intent_id: Option<RecordId>,
    pub(crate) response: Option<Value>,
}

/// A record, and whether its target was found.
pub(crate) struct Built {
    pub(crate) input: CreateInput,
    pub(crate) target_known: bool,
}

impl Making<'_> {
    /// Makes a record that the service takes, whatever the request was. `None` for a rule that records
    /// nothing.
    pub(crate) fn build(&self) -> Option<Built> {
        let rule = &self.policy.rules()[self.candidate.rule];
        let what = rule.what.as_ref()?;
        let said = self.facts.handle.said();
        let principal = said.principal.as_ref().unwrap_or(&self.facts.principal);
        let body = rule.needs_request().then(|| self.facts.body.as_ref()?.copied().document());
        let found = Found { making: self, body: body.flatten() };

        let target_id = said.target_id.as_deref().filter(|id| !id.is_empty()).map(Cow::Borrowed);
        let target_id = target_id.or_else(|| found.id(rule.target_id.as_ref()));
        let target_known = target_id.is_some();
        let target_type = said.target_type.as_deref().filter(|text| !text.is_empty());
        let target_type = target_type.and_then(|text| fitting(text, TARGET_TYPE_MAX_CHARS));
        let target = Target {
            target_type: target_type.unwrap_or_else(|| what.target_type.clone()),
            target_id: fitting(target_id.as_deref().unwrap_or(UNKNOWN), TARGET_ID_MAX_CHARS)
                .unwrap_or_else(|| TargetId::from_stored(UNKNOWN)),
        };

        let tenant = said.tenant_id.as_deref().map(Cow::Borrowed);
        let tenant = tenant.or_else(|| found.id(rule.tenant_id.as_ref()));
        let tenant = tenant.or_else(|| principal.tenant_id.as_deref().map(Cow::Borrowed));
        let mut input = CreateInput::new(actor(&principal.actor), what.action.clone(), target);
        input.tenant_id = tenant.and_then(|tenant| fitting(&tenant, TENANT_ID_MAX_CHARS));
        input.context = self.context();
        input.metadata = Some(self.metadata(rule, &said, principal, found.body.as_ref()));
        Some(Built { input, target_known })
    }

    fn context(&self) -> RequestContext {
        let agent = self.facts.user_agent.as_ref();
        let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        RequestContext {
            ip_address: self.facts.address,
            user_agent: agent.and_then(|agent| fitting(&agent, USER_AGENT_MAX_CHARS)),
            request_id: self.facts.handle.request_id().parse().ok(),
        }
    }

    fn metadata(
        &self,
        rule: &Compiled,
        said: &Said,
        principal: &Principal,
        body: Option<&Value>,
    ) -> Metadata {
        let allowed = |document: &Value| {
            // Cleaned first: what is removed must not leave an empty place behind.
            picked(&self.policy.redaction().clean(document)?, &rule.allow)
        };
        let short = |text: &String| column(text, ACTOR_ID_MAX_CHARS);
        let method = self.facts.method.as_str();
        let both = rule.level == Level::RequestResponse;
        let phase = match (self.end, self.intent_id) {
            (None, _) => Some("intent"),
            (Some(_), Some(_)) => Some("outcome"),
            (Some(_), None) => None,
        };
        let parts = Parts {
            http: Http {
                method: method.get(..METHOD_MAX_CHARS).unwrap_or(method),
                route: rule.route.as_str(),
                status: self.end.map(|end| end.status),
                grpc_status: self.end.and_then(|end| end.grpc_code),
                duration_ms: self.end.map(|end| end.duration_ms),
            },
            outcome: self.end.map(|end| end.outcome),
            rule: &rule.name,
            impersonator: principal.impersonator.as_ref().map(short),
            credential_id: principal.credential_id.as_ref().map(short),
            phase,
            intent_id: self.intent_id.filter(|_| self.end.is_some()),
            request: body.filter(|_| rule.level.has_request()).and_then(allowed),
            response: self.response.as_ref().filter(|_| both).and_then(allowed),
            before: said.before.as_ref(),
            after: said.after.as_ref(),
            extra: said.extra.as_ref(),
            truncated: Vec::new(),
        };
        parts.into_metadata()
    }
}

/// What ids are looked for in.
struct Found<'a> {
    making: &'a Making<'a>,
    body: Option<Value>,
}

impl Found<'_> {
    fn id<'s>(&'s self, from: Option<&'s Source>) -> Option<Cow<'s, str>> {
        let facts = self.making.facts;
        let id = match from? {
            Source::Value(text) => Some(text.into()),
            Source::Path(at) => {
                self.making.candidate.params.get(*at).map(|value| (&**value).into())
            }
            Source::Header(name) => {
                let found = facts.headers.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.into())
            }
            Source::Body(place) => self.body.as_ref().and_then(|body| as_id(place.find(body)?)),
            Source::Response(place) => {
                self.making.response.as_ref().and_then(|body| as_id(place.find(body)?))
            }
        };
        id.filter(|id| !id.is_empty())
    }
}

/// A value as an id: text, or a number written out.
fn as_id(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number_text(number).into()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn actor(actor: &Actor) -> Actor {
    let clean = |id: &ActorId| {
        let fits = ActorId::from_str(id.as_str()).is_ok();
        if fits {
            id.clone()
        } else {
            fitting(id.as_str(), ACTOR_ID_MAX_CHARS)
                .unwrap_or_else(|| ActorId::from_stored(UNKNOWN))
        }
    };
    match actor {
        Actor::User(id) => Actor::User(clean(id)),
        Actor::ApiKey(id) => Actor::ApiKey(clean(id)),
        Actor::System => Actor::System,
    }
}

/// A text of a column, made to fit. `None` when it may not be empty, and is.
fn fitting<T: FromStr>(text: &str, max_chars: usize) -> Option<T> {
    text.parse().ok().or_else(|| column(text, max_chars).parse().ok())
}

#[cfg(test)]
mod tests;
