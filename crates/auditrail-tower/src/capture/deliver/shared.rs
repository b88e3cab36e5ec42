//! The state that all requests of a layer share.

use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::request::Parts;
use tower::BoxError;

use super::counts::Counters;
use super::sink::Sink;
use crate::capture::record::address::PeerAddr;
use crate::capture::record::handle::AuditHandle;
use crate::capture::record::principal::Principal;
use crate::policy::Policy;

type Extractor<T> = Arc<dyn Fn(&Parts) -> Option<T> + Send + Sync>;

/// The policy, the sink, the callbacks and the counters of a layer.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) policy: Arc<Policy>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) actor: Option<Extractor<Principal>>,
    pub(crate) peer: Option<Extractor<IpAddr>>,
    pub(crate) counters: Arc<Counters>,
}

impl Shared {
    /// The principal of a request. A panic of the callback does not fail the request.
    pub(crate) fn principal(&self, parts: &Parts) -> Principal {
        let Some(actor) = &self.actor else {
            return Principal::anonymous();
        };
        match catch_unwind(AssertUnwindSafe(|| actor(parts))) {
            Ok(principal) => principal.unwrap_or_else(Principal::anonymous),
            Err(_) => {
                self.counters.unknown_actor();
                Principal::unknown()
            }
        }
    }

    /// The address of the peer, if known. A panic of the callback does not fail the request.
    pub(crate) fn peer(&self, parts: &Parts) -> Option<IpAddr> {
        let from_callback =
            |peer: &Extractor<IpAddr>| catch_unwind(AssertUnwindSafe(|| peer(parts))).ok()?;
        self.peer
            .as_ref()
            .and_then(from_callback)
            .or_else(|| parts.extensions.get::<PeerAddr>().map(|peer| peer.0.ip()))
            .or_else(|| connect_info_address(parts))
    }

    /// Counts and logs a request that was rejected because its intent could not be recorded.
    pub(crate) fn refused(&self, error: &BoxError) {
        if is_logged(self.counters.refused()) {
            tracing::warn!(%error, "request rejected: its intent cannot be recorded");
        }
    }

    /// Counts and logs a request that an enclosing layer with another policy observes already, which is
    /// likely a configuration error.
    pub(crate) fn count_overruled(&self, outer: &AuditHandle) {
        if !outer.follows(&self.policy) && is_logged(self.counters.overruled()) {
            tracing::warn!(
                "this audit layer is inside an audit layer with another policy and is ignored; move its rules \
                 to the outer policy"
            );
        }
    }

    /// Counts and logs a request whose path servers may read in ways that match different rules.
    pub(crate) fn count_ambiguous(&self) {
        if is_logged(self.policy.coverage_tracker().count_ambiguous()) {
            tracing::warn!(
                "ambiguous path: readings of it match different rules; the strictest applies"
            );
        }
    }

    /// Counts and logs a record that the sink rejected after the response was sent.
    pub(crate) fn lost(&self, error: &BoxError) {
        if is_logged(self.counters.failed()) {
            tracing::error!(%error, "record lost: the sink rejected it after the response");
        }
    }
}

/// Omits the callbacks.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Shared");
        shown.field("policy", &self.policy).field("counters", &self.counters);
        shown.finish_non_exhaustive()
    }
}

/// Whether the nth event of its kind is logged: powers of two only, so that an outage does not flood the log.
const fn is_logged(count: u64) -> bool {
    count.is_power_of_two()
}

#[cfg(feature = "axum")]
fn connect_info_address(parts: &Parts) -> Option<IpAddr> {
    let info = parts.extensions.get::<axum::extract::ConnectInfo<std::net::SocketAddr>>();
    info.map(|info| info.0.ip())
}

#[cfg(not(feature = "axum"))]
fn connect_info_address(_parts: &Parts) -> Option<IpAddr> {
    None
}
