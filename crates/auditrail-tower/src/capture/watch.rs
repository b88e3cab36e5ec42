//! What is watched of a request, and how that begins.

use std::sync::Arc;

use bytes::Buf;
use http::header::USER_AGENT;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, response};

use super::address::client_address;
use super::build::Facts;
use super::exchange::Exchange;
use super::handle::AuditHandle;
use super::outcome::Outcome;
use super::place::{Place, path};
use super::request_id;
use super::settling::Settling;
use super::shared::Shared;
use super::tap::Tap;
use crate::policy::{Candidate, Coverage, Source};

/// What is watched of a request.
#[derive(Debug)]
pub(crate) enum Watch {
    /// No rule is about it, and it changes nothing.
    Nothing,
    /// No rule is about it.
    Uncovered(Box<Uncovered>),
    /// A rule is about it.
    Exchange(Box<Exchange>),
}

/// A request that is about to be handled.
pub(crate) struct Begun {
    pub(crate) watch: Watch,
    pub(crate) request_id: HeaderValue,
    /// The copy that the body is to make.
    pub(crate) tap: Option<Tap>,
}

/// Looks at a request, and puts its id and its handle where the handler finds them.
pub(crate) fn begin(shared: &Arc<Shared>, parts: &mut Parts) -> Begun {
    let request_id = request_id::of(&parts.headers);
    parts.headers.insert(request_id::HEADER, request_id.clone());
    let handle = AuditHandle::new(request_id.clone(), Arc::clone(&shared.policy));
    parts.extensions.insert(handle.clone());
    let candidates = shared.policy.candidates(parts.method.as_str(), path(parts));
    if candidates.is_empty() {
        let watch = Uncovered::of(shared, parts);
        return Begun { watch, request_id, tap: None };
    }
    let rules = shared.policy.rules();
    let looked_at = candidates.iter().any(|found| rules[found.rule].needs_request());
    let tap = if looked_at { Tap::of(&parts.headers) } else { None };
    let peer = shared.peer(parts);
    let everything = candidates.iter().any(|found| rules[found.rule].is_about_every_status());
    let may_be_uncovered = !everything && Coverage::counts(parts.method.as_str());
    let facts = Facts {
        place: may_be_uncovered.then(|| Place::of(parts)),
        method: parts.method.clone(),
        headers: headers_of_ids(shared, &candidates, &parts.headers),
        candidates,
        user_agent: parts.headers.get(USER_AGENT).filter(|agent| !agent.is_sensitive()).cloned(),
        address: peer.map(|peer| client_address(peer, &parts.headers, &shared.policy)),
        principal: shared.principal(parts),
        handle,
        body: tap.clone(),
    };
    let watch = Watch::Exchange(Box::new(Exchange::new(Arc::clone(shared), facts)));
    Begun { watch, request_id, tap }
}

/// Calls what is inside a [`Watch`] that is an exchange.
macro_rules! exchange {
    ($watch:ident, $name:ident ( $($argument:expr),* )) => {
        if let Watch::Exchange(exchange) = $watch {
            exchange.$name($($argument),*);
        }
    };
}

impl Watch {
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

    /// Whether the end of the answer may have to wait for its record.
    pub(crate) fn may_wait(&self) -> bool {
        matches!(self, Self::Exchange(exchange) if exchange.may_wait())
    }

    /// All of the answer is there. Its end waits for what is returned.
    pub(crate) fn finish(&mut self) -> Option<Settling> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Exchange(mut exchange) => exchange.finish(),
            Self::Nothing | Self::Uncovered(_) => None,
        }
    }

    /// There is no answer, or no more of it. Where something can wait, it waits for what is returned.
    pub(crate) fn fail(&mut self, outcome: Outcome) -> Option<Settling> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Exchange(mut exchange) => exchange.fail(outcome),
            Self::Nothing | Self::Uncovered(_) => None,
        }
    }
}

/// A mutating request that no rule is about. Is counted when it is dropped.
#[derive(Debug)]
pub(crate) struct Uncovered {
    shared: Arc<Shared>,
    method: Method,
    place: Place,
    status: Option<StatusCode>,
}

impl Uncovered {
    fn of(shared: &Arc<Shared>, parts: &Parts) -> Watch {
        if !Coverage::counts(parts.method.as_str()) {
            return Watch::Nothing;
        }
        Watch::Uncovered(Box::new(Self {
            shared: Arc::clone(shared),
            method: parts.method.clone(),
            place: Place::of(parts),
            status: None,
        }))
    }
}

impl Drop for Uncovered {
    fn drop(&mut self) {
        let nowhere =
            matches!(self.status, Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED));
        let route = self.place.route(nowhere);
        self.shared.policy.seen().saw_uncovered(self.method.as_str(), route);
    }
}

/// The headers that rules take ids from, by their names in lower case.
fn headers_of_ids(
    shared: &Shared,
    candidates: &[Candidate],
    headers: &HeaderMap,
) -> Vec<(String, String)> {
    let rules = candidates.iter().map(|candidate| &shared.policy.rules()[candidate.rule]);
    let names = rules.flat_map(|rule| rule.sources()).filter_map(|source| match source {
        Source::Header(name) => Some(name),
        Source::Path(_) | Source::Body(_) | Source::Response(_) | Source::Value(_) => None,
    });
    let found = names.filter_map(|name| {
        let key = HeaderName::try_from(name.as_str()).ok()?;
        Some((name.clone(), header(headers, &key)?))
    });
    found.collect()
}

/// What the lines of a header say, together. Nothing where another layer marked one as sensitive, as the
/// `SetSensitiveHeaders` of tower-http does.
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
