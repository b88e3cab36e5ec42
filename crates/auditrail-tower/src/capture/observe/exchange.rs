//! A request that a rule matches, from its head to its record.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use auditrail_core::{CreateInput, FailurePolicy, RecordId};
use bytes::Buf;
use http::HeaderMap;
use http::response;

use crate::capture::deliver::pending::PendingDelivery;
use crate::capture::deliver::shared::Shared;
use crate::capture::grpc;
use crate::capture::record::body_capture::CapturedBody;
use crate::capture::record::builder::{BuiltRecord, End, RecordBuilder, RequestFacts};
use crate::capture::record::handle::Enrichment;
use crate::capture::record::outcome::Outcome;
use crate::clock;
use crate::policy::{Candidate, Decision, Source};

/// A request that a rule matches. Submits its record when it ends; if it is dropped earlier, the record has
/// the outcome `disconnected`, or `error` after a panic.
#[derive(Debug)]
pub(crate) struct Exchange {
    shared: Arc<Shared>,
    facts: RequestFacts,
    started: Instant,
    /// The intent that was submitted to the sink.
    intent: Option<RecordId>,
    status: Option<u16>,
    is_grpc: bool,
    grpc_code: Option<u16>,
    response: Option<CapturedBody>,
    /// Set while code of the application runs, and still set if it panicked.
    busy: bool,
    over: bool,
}

impl Exchange {
    pub(crate) fn new(shared: Arc<Shared>, facts: RequestFacts) -> Self {
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

    /// Whether an intent must be recorded before the request is handled.
    pub(crate) fn needs_intent(&self) -> bool {
        self.intended().is_some()
    }

    /// Whether the request may be rejected, or an intent must be recorded, before it is handled.
    pub(crate) fn needs_preparation(&self) -> bool {
        self.needs_intent() || self.is_refused_for_its_path()
    }

    /// Whether the policy rejects the request because its path is ambiguous.
    pub(crate) fn is_refused_for_its_path(&self) -> bool {
        self.shared.policy.refuses(&self.facts.candidates)
    }

    /// Whether the rule of the intent requires a target, and the request has none.
    pub(crate) fn lacks_required_target(&self) -> bool {
        let rules = self.shared.policy.rules();
        let required = self.intended().filter(|candidate| rules[candidate.rule].requires_target);
        let built = required
            .and_then(|candidate| self.builder(candidate, Vec::new(), None, None, None).build());
        built.is_some_and(|built| !built.target_known)
    }

    /// Whether the intent needs the body of the request.
    pub(crate) fn intent_needs_body(&self) -> bool {
        let rules = self.shared.policy.rules();
        self.intended().is_some_and(|candidate| rules[candidate.rule].needs_request())
    }

    /// Builds the record of the intent. The record of the outcome will name it.
    pub(crate) fn build_intent(&mut self) -> Option<CreateInput> {
        let id = clock::record_id()?.as_intent();
        let candidate = self.intended()?;
        let others = self.facts.candidates.other_intents(self.shared.policy.rules());
        let BuiltRecord { input, target_known } =
            self.builder(candidate, others, None, None, None).build()?;
        // A target id from the response or the handler is unknown to the intent; the outcome has it.
        let from = &self.shared.policy.rules()[candidate.rule].target_id;
        let later = matches!(from, None | Some(Source::Response(_)));
        if !target_known && !later {
            self.shared.counters.unknown_target();
        }
        self.intent = Some(id);
        self.facts.handle.enrichment().own.intent = Some(id);
        Some(input.with_id(id))
    }

    /// The rule whose intent is recorded.
    fn intended(&self) -> Option<&Candidate> {
        self.facts.candidates.intent(self.shared.policy.rules())
    }

    /// Forgets the intent, which could not be recorded.
    pub(crate) fn clear_intent(&mut self) {
        self.intent = None;
        self.facts.handle.enrichment().own.intent = None;
    }

    /// Ends a request that was rejected: there is nothing to record.
    pub(crate) fn refuse(&mut self) {
        self.over = true;
        self.shared.policy.coverage_tracker().count_covered(self.facts.method.as_str());
    }

    /// Ends a request that the layer rejects with this status. It is recorded as one that was handled.
    pub(crate) fn reject(&mut self, status: u16) {
        self.shared.counters.rejected();
        self.status = Some(status);
        // The response does not wait: nothing was changed.
        drop(self.end(Some(status), Outcome::of_status(status)));
    }

    /// Code of the application is about to run.
    pub(crate) fn enter(&mut self) {
        self.busy = true;
    }

    /// Code of the application returned.
    pub(crate) fn leave(&mut self) {
        self.busy = false;
    }

    /// Observes the head of the response.
    pub(crate) fn head(&mut self, parts: &response::Parts) {
        self.status = Some(parts.status.as_u16());
        self.is_grpc = grpc::has_status(&parts.headers);
        self.grpc_code = grpc::code(&parts.headers).filter(|_| self.is_grpc);
        let rules = self.shared.policy.rules();
        let is_captured =
            self.facts.candidates.iter().any(|candidate| rules[candidate.rule].needs_response());
        self.response = if is_captured { CapturedBody::of_response(&parts.headers) } else { None };
    }

    /// Observes data of the response.
    pub(crate) fn data(&mut self, data: &impl Buf) {
        if let Some(captured) = &mut self.response {
            captured.push(data);
        }
    }

    /// Observes the trailers of the response.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        if self.is_grpc {
            self.grpc_code = grpc::code(trailers).or(self.grpc_code);
        }
    }

    /// Whether some outcome of this request would be spooled.
    pub(crate) fn may_wait(&self) -> bool {
        let is_spooled = |candidate: &Candidate| self.failure(candidate) == FailurePolicy::Spool;
        !self.over && self.facts.candidates.iter().any(is_spooled)
    }

    /// Ends a complete response. Its end waits for the returned delivery.
    pub(crate) fn finish(&mut self) -> Option<PendingDelivery> {
        if let Some(captured) = &mut self.response {
            captured.end();
        }
        let status = self.status_at_end(true);
        self.end(status, status.map_or(Outcome::Error, Outcome::of_status))
    }

    /// Ends a request whose handler or response body failed. The error waits for the returned delivery.
    pub(crate) fn fail(&mut self, outcome: Outcome) -> Option<PendingDelivery> {
        self.end(self.status_at_end(false), outcome)
    }

    /// The HTTP status, or the equivalent of the gRPC status. A complete gRPC call without a status counts as
    /// failed; the status of an incomplete one is unknown.
    fn status_at_end(&self, whole: bool) -> Option<u16> {
        let as_http = self.status != Some(200) || !self.is_grpc;
        match self.grpc_code {
            _ if as_http => self.status,
            None if !whole => None,
            code => Some(grpc::http_status(code)),
        }
    }

    fn end(&mut self, status: Option<u16>, outcome: Outcome) -> Option<PendingDelivery> {
        if std::mem::replace(&mut self.over, true) {
            return None;
        }
        let policy = &self.shared.policy;
        let decision = self.facts.candidates.decide(policy.rules(), status);
        let Enrichment { skipped, own, .. } = *self.facts.handle.enrichment();
        self.count_coverage(&decision, status, own.is_committed);
        if own.is_committed {
            self.shared.counters.committed();
            return None;
        }
        if skipped && self.intent.is_none() {
            self.shared.counters.skipped();
            return None;
        }
        // Every intent gets its outcome, whatever the rule for the status.
        let Decision { candidate, others, .. } = decision;
        let recording = candidate.filter(|candidate| policy.rules()[candidate.rule].records());
        let intended = || self.intended().filter(|_| self.intent.is_some());
        let candidate = recording.or_else(intended)?;
        let duration_ms = milliseconds(self.started);
        let end = End { outcome, status, grpc_code: self.grpc_code, duration_ms };
        let response = self.response.as_ref().and_then(CapturedBody::document);
        let builder = self.builder(candidate, others, Some(end), self.intent, response);
        let BuiltRecord { input, target_known } = builder.build()?;
        if !target_known {
            self.shared.counters.unknown_target();
        }
        PendingDelivery::begin(&self.shared, input, self.failure(candidate))
    }

    /// Counts the request for the coverage report. A successful request that no rule decides about counts as
    /// uncovered, even if a rule matches its failures; so does one that some reading of its path excludes from the
    /// log and another leaves without a rule. A record of the handler covers the request.
    fn count_coverage(&self, decision: &Decision<'_>, status: Option<u16>, is_committed: bool) {
        let coverage = self.shared.policy.coverage_tracker();
        let method = self.facts.method.as_str();
        let is_covered = is_committed || decision.covers(self.shared.policy.rules());
        let is_excluded = decision.candidate.is_some();
        let unrecorded = !is_covered && (is_excluded || status.is_some_and(|status| status < 400));
        match self.facts.route_label.as_ref().filter(|_| unrecorded) {
            Some(label) => coverage.count_uncovered(method, label.route(false)),
            None => coverage.count_covered(method),
        }
        if let Some(candidate) = decision.candidate {
            coverage.mark_used(candidate.rule);
        }
    }

    /// The failure policy of a record after the response. The request can no longer be rejected, so `must`
    /// becomes the most durable policy of the sink.
    fn failure(&self, candidate: &Candidate) -> FailurePolicy {
        let durable =
            if self.shared.sink.has_spool() { FailurePolicy::Spool } else { FailurePolicy::Must };
        match self.shared.policy.rules()[candidate.rule].failure {
            FailurePolicy::Must => durable,
            _ if self.intent.is_some() => durable,
            other => other,
        }
    }

    fn builder<'a>(
        &'a self,
        candidate: &'a Candidate,
        others: Vec<&'a Candidate>,
        end: Option<End>,
        intent_id: Option<RecordId>,
        response: Option<serde_json::Value>,
    ) -> RecordBuilder<'a> {
        let policy = &self.shared.policy;
        RecordBuilder { policy, facts: &self.facts, candidate, others, end, intent_id, response }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let outcome = if self.busy { Outcome::Error } else { Outcome::Disconnected };
        // A panic of the sink while a handler's panic unwinds would abort the process.
        let ended = catch_unwind(AssertUnwindSafe(|| drop(self.fail(outcome))));
        if ended.is_err() {
            self.shared.counters.failed();
        }
    }
}

/// Elapsed milliseconds, with microsecond precision.
fn milliseconds(started: Instant) -> f64 {
    let micros = clock::monotonic().duration_since(started).as_micros();
    // Saturates after 49 days.
    f64::from(u32::try_from(micros / 1_000).unwrap_or(u32::MAX))
        + f64::from(u32::try_from(micros % 1_000).unwrap_or(0)) / 1_000.0
}
