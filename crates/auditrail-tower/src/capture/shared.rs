//! What all requests of a layer share.

use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use auditrail_core::{CreateInput, FailurePolicy, RecordSink};
use http::request::Parts;
use tower::BoxError;

use super::address::PeerAddr;
use super::counts::Counters;
use super::handle::AuditHandle;
use super::principal::Principal;
use crate::policy::Policy;

/// The end of a record's taking on.
pub(crate) type Taking = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;
type Ask<T> = Arc<dyn Fn(&Parts) -> Option<T> + Send + Sync>;

/// A sink whose type no longer matters.
pub(crate) trait Sink: Send + Sync {
    fn take_on(&self, input: CreateInput, policy: FailurePolicy) -> Taking;
    fn has_spool(&self) -> bool;
}

impl<S: RecordSink> Sink for S {
    fn take_on(&self, input: CreateInput, policy: FailurePolicy) -> Taking {
        let taken = self.submit(input, Some(policy));
        Box::pin(async move { taken.await.map(drop).map_err(BoxError::from) })
    }

    fn has_spool(&self) -> bool {
        self.spools()
    }
}

/// What all requests of a layer share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) policy: Arc<Policy>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) actor: Option<Ask<Principal>>,
    pub(crate) peer: Option<Ask<IpAddr>>,
    pub(crate) counters: Arc<Counters>,
}

impl Shared {
    /// Who made a request. Whatever the application does to find out, the request goes on.
    pub(crate) fn principal(&self, parts: &Parts) -> Principal {
        let Some(actor) = &self.actor else {
            return Principal::anonymous();
        };
        match catch_unwind(AssertUnwindSafe(|| actor(parts))) {
            Ok(said) => said.unwrap_or_else(Principal::anonymous),
            Err(_) => {
                self.counters.unknown_actor();
                Principal::unknown()
            }
        }
    }

    /// The address of the socket, where somebody said it. As above, the request goes on.
    pub(crate) fn peer(&self, parts: &Parts) -> Option<IpAddr> {
        let ask = |peer: &Ask<IpAddr>| catch_unwind(AssertUnwindSafe(|| peer(parts))).ok()?;
        let asked = self.peer.as_ref().and_then(ask);
        asked
            .or_else(|| parts.extensions.get::<PeerAddr>().map(|peer| peer.0.ip()))
            .or_else(|| connected(parts))
    }

    /// A request was refused because its intent could not be written.
    pub(crate) fn refused(&self, error: &BoxError) {
        if is_worth_a_line(self.counters.refused()) {
            tracing::warn!(%error, "request refused, because it cannot be recorded");
        }
    }

    /// A layer around this one has a request already. With another policy that is hardly on purpose.
    pub(crate) fn inside_of(&self, outer: &AuditHandle) {
        if !outer.follows(&self.policy) && is_worth_a_line(self.counters.overruled()) {
            tracing::warn!(
                "an audit layer lies inside of one with another policy, and its own is not asked; put the \
                 rules of both into the outer one"
            );
        }
    }

    /// A record of an answer was not taken on.
    pub(crate) fn lost(&self, error: &BoxError) {
        if is_worth_a_line(self.counters.failed()) {
            tracing::error!(%error, "record not taken on, after its request was answered");
        }
    }
}

/// Shows nothing of what the closures hold.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Shared");
        shown.field("policy", &self.policy).field("counters", &self.counters);
        shown.finish_non_exhaustive()
    }
}

/// Whether the nth of many like it is logged: an outage must not also fill the log.
const fn is_worth_a_line(count: u64) -> bool {
    count.is_power_of_two()
}

#[cfg(feature = "axum")]
fn connected(parts: &Parts) -> Option<IpAddr> {
    let info = parts.extensions.get::<axum::extract::ConnectInfo<std::net::SocketAddr>>();
    info.map(|info| info.0.ip())
}

#[cfg(not(feature = "axum"))]
fn connected(_parts: &Parts) -> Option<IpAddr> {
    None
}
