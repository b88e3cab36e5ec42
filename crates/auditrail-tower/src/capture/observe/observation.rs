//! What is observed of a request, and how an observation starts.

use std::sync::Arc;

use bytes::Buf;
use http::header::USER_AGENT;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, response};

use super::exchange::Exchange;
use super::request_id;
use crate::capture::deliver::pending::PendingDelivery;
use crate::capture::deliver::shared::Shared;
use crate::capture::record::address::client_address;
use crate::capture::record::body_capture::BodyCapture;
use crate::capture::record::builder::RequestFacts;
use crate::capture::record::caller::Caller;
use crate::capture::record::handle::AuditHandle;
use crate::capture::record::outcome::Outcome;
use crate::capture::record::route_label::{RouteLabel, path};
use crate::policy::{Candidates, Coverage, Source};

/// What is observed of a request.
#[derive(Debug)]
pub(crate) enum Observation {
    /// No rule matches, and the method is safe.
    Nothing,
    /// No rule matches a mutating request.
    Uncovered(Box<Uncovered>),
    /// A rule matches.
    Exchange(Box<Exchange>),
}

/// The observation of a request that is about to be handled.
pub(crate) struct StartedObservation {
    pub(crate) observation: Observation,
    pub(crate) request_id: HeaderValue,
    /// The copy that the request body fills.
    pub(crate) capture: Option<BodyCapture>,
}

/// Starts the observation of a request: matches it with the policy, and passes its id and its handle to the
/// handler.
pub(crate) fn start(shared: &Arc<Shared>, parts: &mut Parts) -> StartedObservation {
    let request_id = request_id::of(&parts.headers);
    parts.headers.insert(request_id::HEADER, request_id.clone());
    let candidates = shared.policy.candidates(parts.method.as_str(), path(parts));
    let caller = caller(shared, parts, &candidates);
    let handle = AuditHandle::new(request_id.clone(), Arc::clone(&shared.policy), caller);
    parts.extensions.insert(handle.clone());
    if candidates.is_empty() {
        let observation = Uncovered::of(shared, parts, handle);
        return StartedObservation { observation, request_id, capture: None };
    }
    if candidates.is_ambiguous() {
        shared.count_ambiguous();
    }
    let rules = shared.policy.rules();
    let is_captured = candidates.iter().any(|candidate| rules[candidate.rule].needs_request());
    let capture = if is_captured { BodyCapture::of(&parts.headers) } else { None };
    let matches_every_status =
        candidates.iter().any(|candidate| rules[candidate.rule].matches_every_status());
    let may_be_uncovered = (!matches_every_status || candidates.is_ambiguous())
        && Coverage::counts(parts.method.as_str());
    let facts = RequestFacts {
        route_label: may_be_uncovered.then(|| RouteLabel::of(parts)),
        method: parts.method.clone(),
        headers: headers_of_ids(shared, &candidates, &parts.headers),
        candidates,
        handle,
        body: capture.clone(),
    };
    let observation = Observation::Exchange(Box::new(Exchange::new(Arc::clone(shared), facts)));
    StartedObservation { observation, request_id, capture }
}

/// What is known of the request, also for a record that the handler writes itself.
fn caller(shared: &Shared, parts: &Parts, candidates: &Candidates) -> Caller {
    let rules = shared.policy.rules();
    let recording =
        candidates.decide(rules, None).candidate.filter(|found| rules[found.rule].records());
    let rule_tenant = recording.and_then(|found| match rules[found.rule].tenant_id.as_ref()? {
        Source::Path(at) => found.params.get(*at).map(|value| value.to_string()),
        Source::Header(name) => header(&parts.headers, &HeaderName::try_from(name.as_str()).ok()?),
        Source::Value(text) => Some(text.clone()),
        Source::Body(_) | Source::Response(_) => None,
    });
    let peer = shared.peer(parts);
    Caller {
        method: parts.method.clone(),
        principal: shared.principal(parts),
        address: peer.map(|peer| client_address(peer, &parts.headers, &shared.policy)),
        user_agent: parts.headers.get(USER_AGENT).filter(|agent| !agent.is_sensitive()).cloned(),
        rule: recording.map(|found| found.rule),
        rule_tenant: rule_tenant.filter(|tenant| !tenant.is_empty()),
    }
}

/// Calls a method of the exchange of an [`Observation`], if it has one.
macro_rules! exchange {
    ($observation:ident, $name:ident ( $($argument:expr),* )) => {
        if let Observation::Exchange(exchange) = $observation {
            exchange.$name($($argument),*);
        }
    };
}

impl Observation {
    pub(crate) fn enter(&mut self) {
        exchange!(self, enter());
    }

    pub(crate) fn leave(&mut self) {
        exchange!(self, leave());
    }

    pub(crate) fn head(&mut self, parts: &response::Parts) {
        match self {
            Self::Nothing => {}
            Self::Uncovered(uncovered) => uncovered.status = Some(parts.status),
            Self::Exchange(exchange) => exchange.head(parts),
        }
    }

    pub(crate) fn data(&mut self, data: &impl Buf) {
        exchange!(self, data(data));
    }

    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        exchange!(self, trailers(trailers));
    }

    /// Whether the end of the response may have to wait for its record.
    pub(crate) fn may_wait(&self) -> bool {
        matches!(self, Self::Exchange(exchange) if exchange.may_wait())
    }

    /// Ends a complete response. Its end waits for the returned delivery.
    pub(crate) fn finish(&mut self) -> Option<PendingDelivery> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Exchange(mut exchange) => exchange.finish(),
            Self::Nothing | Self::Uncovered(_) => None,
        }
    }

    /// Ends a request that failed. Its error waits for the returned delivery.
    pub(crate) fn fail(&mut self, outcome: Outcome) -> Option<PendingDelivery> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Exchange(mut exchange) => exchange.fail(outcome),
            Self::Nothing | Self::Uncovered(_) => None,
        }
    }
}

/// A mutating request that no rule matches; counted on drop.
#[derive(Debug)]
pub(crate) struct Uncovered {
    shared: Arc<Shared>,
    method: Method,
    route_label: RouteLabel,
    status: Option<StatusCode>,
    handle: AuditHandle,
}

impl Uncovered {
    fn of(shared: &Arc<Shared>, parts: &Parts, handle: AuditHandle) -> Observation {
        if !Coverage::counts(parts.method.as_str()) {
            return Observation::Nothing;
        }
        Observation::Uncovered(Box::new(Self {
            shared: Arc::clone(shared),
            method: parts.method.clone(),
            route_label: RouteLabel::of(parts),
            status: None,
            handle,
        }))
    }
}

impl Drop for Uncovered {
    fn drop(&mut self) {
        if self.handle.enrichment().own.is_committed {
            self.shared.counters.committed();
            return self.shared.policy.coverage_tracker().count_covered(self.method.as_str());
        }
        let is_unrouted =
            matches!(self.status, Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED));
        let route = self.route_label.route(is_unrouted);
        self.shared.policy.coverage_tracker().count_uncovered(self.method.as_str(), route);
    }
}

/// The headers from which rules take ids, by lower-case name.
fn headers_of_ids(
    shared: &Shared,
    candidates: &Candidates,
    headers: &HeaderMap,
) -> Vec<(String, String)> {
    let rules = candidates.iter().map(|candidate| &shared.policy.rules()[candidate.rule]);
    let names = rules.flat_map(|rule| rule.sources()).filter_map(|source| match source {
        Source::Header(name) => Some(name),
        Source::Path(_) | Source::Body(_) | Source::Response(_) | Source::Value(_) => None,
    });
    names
        .filter_map(|name| {
            let key = HeaderName::try_from(name.as_str()).ok()?;
            Some((name.clone(), header(headers, &key)?))
        })
        .collect()
}

/// The values of a header, joined. `None` if a value is marked as sensitive, as tower-http's
/// `SetSensitiveHeaders` does.
fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines = headers.get_all(name);
    if lines.iter().any(HeaderValue::is_sensitive) {
        return None;
    }
    let mut lines = lines.iter();
    let mut text = String::from_utf8_lossy(lines.next()?.as_bytes()).into_owned();
    for line in lines {
        text.push_str(", ");
        text.push_str(&String::from_utf8_lossy(line.as_bytes()));
    }
    Some(text)
}
