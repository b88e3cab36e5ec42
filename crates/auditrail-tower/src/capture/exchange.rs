//! One request that a rule is about, from the first look to the record.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use auditrail_core::{CreateInput, FailurePolicy, RecordId};
use bytes::Buf;
use http::HeaderMap;
use http::response;

use super::build::{Built, End, Facts, Making};
use super::grpc;
use super::outcome::Outcome;
use super::settling::Settling;
use super::shared::Shared;
use super::tap::Copied;
use crate::clock;
use crate::policy::{Candidate, Source, decide, intent};

/// One request that a rule is about. Leaves its record when it ends; when it is dropped before, that it
/// was cut off.
#[derive(Debug)]
pub(crate) struct Exchange {
    shared: Arc<Shared>,
    facts: Facts,
    started: Instant,
    /// The intent that was given to the sink.
    intent: Option<RecordId>,
    status: Option<u16>,
    is_grpc: bool,
    grpc_code: Option<u16>,
    response: Option<Copied>,
    /// While code that is not ours runs. Still set when it ended by a panic.
    busy: bool,
    over: bool,
}

impl Exchange {
    pub(crate) fn new(shared: Arc<Shared>, facts: Facts) -> Self {
        Self {
            shared,
            facts,
            started: clock::monotonic(),
            intent: None,
            status: None,
            is_grpc: false,
            grpc_code: None,
            response: None,
            busy: false,
            over: false,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether an intent has to be written before the request is handled.
    pub(crate) fn intends(&self) -> bool {
        intent(self.shared.policy.rules(), &self.facts.candidates).is_some()
    }

    /// Whether the intent says something about the body of the request.
    pub(crate) fn intent_needs_body(&self) -> bool {
        let rules = self.shared.policy.rules();
        intent(rules, &self.facts.candidates)
            .is_some_and(|candidate| rules[candidate.rule].needs_request())
    }

    /// The intent, as a record. From now on whatever becomes of the request says that it was intended.
    pub(crate) fn make_intent(&mut self) -> Option<CreateInput> {
        let id = clock::record_id()?;
        let candidate = intent(self.shared.policy.rules(), &self.facts.candidates)?;
        let Built { input, target_known } = self.making(candidate, None, None, None).build()?;
        // What only the answer or the handler can say, the intent cannot know; its outcome does.
        let from = &self.shared.policy.rules()[candidate.rule].target_id;
        let later = matches!(from, None | Some(Source::Response(_)));
        if !target_known && !later {
            self.shared.counters.unknown_target();
        }
        self.intent = Some(id);
        Some(input.with_id(id))
    }

    /// The intent was not written.
    pub(crate) fn without_intent(&mut self) {
        self.intent = None;
    }

    /// The request was refused: there is nothing to record.
    pub(crate) fn refuse(&mut self) {
        self.over = true;
        self.shared.policy.seen().saw_covered(self.facts.method.as_str());
    }

    /// Code that is not ours is about to run.
    pub(crate) fn enter(&mut self) {
        self.busy = true;
    }

    /// It returned.
    pub(crate) fn leave(&mut self) {
        self.busy = false;
    }

    /// The head of the answer is there.
    pub(crate) fn head(&mut self, parts: &response::Parts) {
        self.status = Some(parts.status.as_u16());
        self.is_grpc = grpc::answers(&parts.headers);
        self.grpc_code = grpc::code(&parts.headers).filter(|_| self.is_grpc);
        let rules = self.shared.policy.rules();
        let looked_at =
            self.facts.candidates.iter().any(|found| rules[found.rule].needs_response());
        self.response = if looked_at { Copied::of(&parts.headers) } else { None };
    }

    /// A part of the answer.
    pub(crate) fn data(&mut self, data: &impl Buf) {
        if let Some(copied) = &mut self.response {
            copied.push(data);
        }
    }

    /// What came after the answer.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        if self.is_grpc {
            self.grpc_code = grpc::code(trailers).or(self.grpc_code);
        }
    }

    /// Whether the record of some end of this request would be spooled.
    pub(crate) fn may_wait(&self) -> bool {
        let is_spooled = |found: &Candidate| self.failure(found) == FailurePolicy::Spool;
        !self.over && self.facts.candidates.iter().any(is_spooled)
    }

    /// All of the answer is there. Its end may wait for what is returned.
    pub(crate) fn finish(&mut self) -> Option<Settling> {
        if let Some(copied) = &mut self.response {
            copied.end();
        }
        let status = self.status_at_end(true);
        self.end(status, status.map_or(Outcome::Error, Outcome::of_status))
    }

    /// The handler, or its answer, failed. What then comes may wait for what is returned.
    pub(crate) fn fail(&mut self, outcome: Outcome) -> Option<Settling> {
        self.end(self.status_at_end(false), outcome)
    }

    /// The status, or with gRPC the one that stands for the call's. A call without one that ended
    /// counts as failed; one that was cut off could have got any.
    fn status_at_end(&self, whole: bool) -> Option<u16> {
        let as_http = self.status != Some(200) || !self.is_grpc;
        match self.grpc_code {
            _ if as_http => self.status,
            None if !whole => None,
            code => Some(grpc::http_status(code)),
        }
    }

    fn end(&mut self, status: Option<u16>, outcome: Outcome) -> Option<Settling> {
        if std::mem::replace(&mut self.over, true) {
            return None;
        }
        let policy = &self.shared.policy;
        let decided = decide(policy.rules(), &self.facts.candidates, status);
        self.saw(decided, status);
        let skipped = self.facts.handle.said().skipped;
        if skipped && self.intent.is_none() {
            self.shared.counters.skipped();
            return None;
        }
        // An intent is never left without its outcome, whatever the rule for the status says.
        let recording = decided.filter(|candidate| policy.rules()[candidate.rule].records());
        let intended =
            || intent(policy.rules(), &self.facts.candidates).filter(|_| self.intent.is_some());
        let candidate = recording.or_else(intended)?;
        let duration_ms = milliseconds(self.started);
        let end = End { outcome, status, grpc_code: self.grpc_code, duration_ms };
        let response = self.response.as_ref().and_then(Copied::document);
        let making = self.making(candidate, Some(end), self.intent, response);
        let Built { input, target_known } = making.build()?;
        if !target_known {
            self.shared.counters.unknown_target();
        }
        Settling::begin(&self.shared, input, self.failure(candidate))
    }

    /// Counts the request for the coverage report. A deed that succeeded without a record is uncovered, even
    /// where a rule is about its failures.
    fn saw(&self, decided: Option<&Candidate>, status: Option<u16>) {
        let (seen, method) = (self.shared.policy.seen(), self.facts.method.as_str());
        let unrecorded = decided.is_none() && status.is_some_and(|status| status < 400);
        match self.facts.place.as_ref().filter(|_| unrecorded) {
            Some(place) => seen.saw_uncovered(method, place.route(false)),
            None => seen.saw_covered(method),
        }
        if let Some(candidate) = decided {
            seen.used(candidate.rule);
        }
    }

    /// The request is answered, so nothing can be refused any more: what is left is not to lose it.
    fn failure(&self, candidate: &Candidate) -> FailurePolicy {
        let durable =
            if self.shared.sink.has_spool() { FailurePolicy::Spool } else { FailurePolicy::Must };
        match self.shared.policy.rules()[candidate.rule].failure {
            FailurePolicy::Must => durable,
            _ if self.intent.is_some() => durable,
            other => other,
        }
    }

    fn making<'a>(
        &'a self,
        candidate: &'a Candidate,
        end: Option<End>,
        intent_id: Option<RecordId>,
        response: Option<serde_json::Value>,
    ) -> Making<'a> {
        let policy = &self.shared.policy;
        Making { policy, facts: &self.facts, candidate, end, intent_id, response }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let outcome = if self.busy { Outcome::Error } else { Outcome::Disconnected };
        // A second panic, in a sink say, while a handler's is under way would end the process.
        let ended = catch_unwind(AssertUnwindSafe(|| drop(self.fail(outcome))));
        if ended.is_err() {
            self.shared.counters.failed();
        }
    }
}

/// The time since then in milliseconds, to the microsecond.
fn milliseconds(started: Instant) -> f64 {
    let micros = clock::monotonic().duration_since(started).as_micros();
    // A request that takes longer than 136 years may lose a digit.
    f64::from(u32::try_from(micros / 1_000).unwrap_or(u32::MAX))
        + f64::from(u32::try_from(micros % 1_000).unwrap_or(0)) / 1_000.0
}
