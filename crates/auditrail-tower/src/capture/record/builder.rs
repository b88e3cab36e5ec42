//! Builds the record of a request.

use std::borrow::Cow;

use auditrail_core::limits::{
    ACTOR_ID_MAX_CHARS, ACTOR_NAME_MAX_CHARS, TARGET_ID_MAX_CHARS, TARGET_NAME_MAX_CHARS,
    TARGET_TYPE_MAX_CHARS, TENANT_ID_MAX_CHARS,
};
use auditrail_core::{CreateInput, Metadata, RecordId, Target, TargetId};
use http::Method;
use serde_json::Value;

use super::body_capture::BodyCapture;
use super::columns::{UNKNOWN, actor, method_text, parse_or_truncate, truncated};
use super::handle::{AuditHandle, Enrichment};
use super::metadata::{Http, OtherReading, Parts};
use super::outcome::Outcome;
use super::principal::Principal;
use super::route_label::RouteLabel;
use crate::policy::{
    Candidate, Candidates, CompiledRule, Level, Policy, Source, column, number_text, picked,
};

/// Maximum other readings that a record names.
const OTHER_READINGS_MAX: usize = 8;

/// The properties of a request before it is handled.
#[derive(Debug)]
pub(crate) struct RequestFacts {
    pub(crate) method: Method,
    /// The rules that match its method and path.
    pub(crate) candidates: Candidates,
    /// The headers from which ids are taken, by lower-case name.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) handle: AuditHandle,
    pub(crate) body: Option<BodyCapture>,
    /// Set only if some status may match no rule.
    pub(crate) route_label: Option<RouteLabel>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    pub(crate) status: Option<u16>,
    pub(crate) grpc_code: Option<u16>,
    pub(crate) duration_ms: f64,
}

/// Builds a record from the facts, the rule and the end of a request.
pub(crate) struct RecordBuilder<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) facts: &'a RequestFacts,
    pub(crate) candidate: &'a Candidate,
    /// The rules of other readings of the path.
    pub(crate) others: Vec<&'a Candidate>,
    /// `None` for the intent.
    pub(crate) end: Option<End>,
    /// The intent whose outcome this is.
    pub(crate) intent_id: Option<RecordId>,
    pub(crate) response: Option<Value>,
}

/// A record, and whether the id of its target is known.
pub(crate) struct BuiltRecord {
    pub(crate) input: CreateInput,
    pub(crate) target_known: bool,
}

impl RecordBuilder<'_> {
    /// Builds a record that the service accepts, whatever the request contains. Returns `None` for a rule that
    /// records nothing.
    pub(crate) fn build(&self) -> Option<BuiltRecord> {
        let rule = &self.policy.rules()[self.candidate.rule];
        let what = rule.what.as_ref()?;
        let enrichment = self.facts.handle.enrichment();
        let caller = self.facts.handle.caller();
        let principal = enrichment.principal.as_ref().unwrap_or(&caller.principal);
        let body = rule.needs_request().then(|| self.facts.body.as_ref()?.lock().document());
        let sources = IdSources { builder: self, candidate: self.candidate, body: body.flatten() };

        let target_id = enrichment
            .target_id
            .as_deref()
            .filter(|id| !id.is_empty())
            .map(Cow::Borrowed)
            .or_else(|| sources.id(rule.target_id.as_ref()));
        let target_known = target_id.is_some();
        let target_type = enrichment
            .target_type
            .as_deref()
            .filter(|text| !text.is_empty())
            .and_then(|text| parse_or_truncate(text, TARGET_TYPE_MAX_CHARS));
        let target = Target {
            target_type: target_type.unwrap_or_else(|| what.target_type.clone()),
            target_id: parse_or_truncate(
                target_id.as_deref().unwrap_or(UNKNOWN),
                TARGET_ID_MAX_CHARS,
            )
            .unwrap_or_else(|| TargetId::from_stored(UNKNOWN)),
        };

        let tenant = enrichment
            .tenant_id
            .as_deref()
            .map(Cow::Borrowed)
            .or_else(|| sources.id(rule.tenant_id.as_ref()))
            .or_else(|| principal.tenant_id.as_deref().map(Cow::Borrowed));
        let mut input = CreateInput::new(actor(&principal.actor), what.action.clone(), target);
        input.tenant_id = tenant.and_then(|tenant| parse_or_truncate(&tenant, TENANT_ID_MAX_CHARS));
        input.context = caller.context(self.facts.handle.request_id());
        input.outcome = Some(
            self.end.map_or(auditrail_core::Outcome::Unknown, |end| end.outcome.column(end.status)),
        );
        input.actor_name = truncated(principal.name.as_deref(), ACTOR_NAME_MAX_CHARS);
        input.target_name = truncated(enrichment.target_name.as_deref(), TARGET_NAME_MAX_CHARS);
        // A record that the handler has committed, unknown to this process, then wins.
        let outcome_id = || self.intent_id.map(RecordId::outcome_of_intent).or(enrichment.own.id);
        input.id = self.end.and_then(|_| outcome_id());
        input.metadata = Some(self.metadata(rule, &enrichment, principal, sources.body.as_ref()));
        Some(BuiltRecord { input, target_known })
    }

    /// What the other readings of the path come to. Ids from bodies are left out.
    fn other_readings(&self) -> Vec<OtherReading<'_>> {
        let reading = |candidate: &&Candidate| {
            let rule = &self.policy.rules()[candidate.rule];
            let sources = IdSources { builder: self, candidate, body: None };
            let target_id = sources.id(rule.target_id.as_ref());
            OtherReading {
                rule: &rule.name,
                action: rule.what.as_ref().map(|what| what.action.as_str()),
                target_id: target_id.map(|id| column(&id, TARGET_ID_MAX_CHARS)),
            }
        };
        self.others.iter().take(OTHER_READINGS_MAX).map(reading).collect()
    }

    fn metadata(
        &self,
        rule: &CompiledRule,
        enrichment: &Enrichment,
        principal: &Principal,
        body: Option<&Value>,
    ) -> Metadata {
        let allowed = |document: &Value| {
            // Redacted first, so that a removed value leaves no empty object.
            picked(&self.policy.redaction().clean(document)?, &rule.allow)
        };
        let short = |text: &String| column(text, ACTOR_ID_MAX_CHARS);
        let both = rule.level == Level::RequestResponse;
        let phase = match (self.end, self.intent_id) {
            (None, _) => Some("intent"),
            (Some(_), Some(_)) => Some("outcome"),
            (Some(_), None) => None,
        };
        let parts = Parts {
            http: Http {
                method: method_text(&self.facts.method),
                route: Some(rule.route.as_str()),
                status: self.end.map(|end| end.status),
                grpc_status: self.end.and_then(|end| end.grpc_code),
                duration_ms: self.end.map(|end| end.duration_ms),
            },
            outcome: self.end.map(|end| end.outcome),
            rule: Some(&rule.name),
            other_readings: self.other_readings(),
            impersonator: principal.impersonator.as_ref().map(short),
            credential_id: principal.credential_id.as_ref().map(short),
            phase,
            intent_id: self.intent_id.filter(|_| self.end.is_some()),
            request: body.filter(|_| rule.level.has_request()).and_then(allowed),
            response: self.response.as_ref().filter(|_| both).and_then(allowed),
            before: enrichment.before.as_ref(),
            after: enrichment.after.as_ref(),
            extra: enrichment.extra.as_ref(),
            truncated: Vec::new(),
        };
        parts.into_metadata()
    }
}

/// The places from which rules take ids.
struct IdSources<'a> {
    builder: &'a RecordBuilder<'a>,
    candidate: &'a Candidate,
    body: Option<Value>,
}

impl IdSources<'_> {
    fn id<'s>(&'s self, from: Option<&'s Source>) -> Option<Cow<'s, str>> {
        let facts = self.builder.facts;
        let id = match from? {
            Source::Value(text) => Some(text.into()),
            Source::Path(at) => self.candidate.params.get(*at).map(|value| (&**value).into()),
            Source::Header(name) => {
                let header = facts.headers.iter().find(|(known, _)| known == name);
                header.map(|(_, value)| value.into())
            }
            Source::Body(pointer) => self.body.as_ref().and_then(|body| as_id(pointer.find(body)?)),
            Source::Response(pointer) => {
                self.builder.response.as_ref().and_then(|body| as_id(pointer.find(body)?))
            }
        };
        id.filter(|id| !id.is_empty())
    }
}

/// A value as an id: a text, or a number as text.
fn as_id(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number_text(number).into()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
