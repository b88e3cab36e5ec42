//! The layer: what it is told, and what it makes of a service.

use std::net::IpAddr;
use std::sync::Arc;

use auditrail_core::{FailurePolicy, RecordSink};
use http::request::Parts;
use tower::Layer;

use crate::capture::counts::{AuditCounts, Counters};
use crate::capture::principal::Principal;
use crate::capture::shared::Shared;
use crate::policy::Policy;
use crate::service::AuditService;

/// Makes records of the requests to a service, as a policy says.
///
/// # Where in the stack
///
/// Outside of everything that answers: what a layer around this one refuses leaves no record. It has to
/// know who calls, though, and there are two ways:
///
/// - Put it **inside** the layer that authenticates, and let [`actor`](Self::actor) read what that layer
///   left in the extensions of the request. Refused logins then leave no record.
/// - Put it **outside**, and let what authenticates call
///   [`AuditHandle::set_principal`](crate::AuditHandle::set_principal). Refused requests are then
///   recorded, as done by the user `anonymous`; so is the intent of a rule with `must`, which is written
///   before anybody inside could say who calls.
///
/// Limits of time belong inside of it, or a request that ran out of time looks like one whose caller went
/// away. A layer that turns panics into answers may be on either side; outside, its answer does not wait until
/// the record is spooled.
///
/// Inside of another such layer this one does nothing: one record is enough, and the outermost policy
/// decides. Where that is another policy it is counted ([`AuditCounts::overruled`]) and logged. Services
/// that have policies of their own belong side by side.
#[derive(Clone, Debug)]
pub struct AuditLayer {
    shared: Shared,
}

/// Why there is no layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// Give the sink a directory to spool to, or the rule another failure policy.
    #[error(
        "the rule `{rule}` has the failure policy `spool`, and the sink has no spool; give it one, or the \
         rule another policy"
    )]
    NoSpool {
        /// The first such rule.
        rule: String,
    },
}

impl AuditLayer {
    /// A layer that follows a policy and gives its records to a sink.
    ///
    /// # Errors
    /// [`LayerError::NoSpool`] for a policy that spools, with a sink that cannot.
    pub fn new<S>(policy: impl Into<Arc<Policy>>, sink: S) -> Result<Self, LayerError>
    where
        S: RecordSink + 'static,
    {
        let policy = policy.into();
        let spooling = |rule: &&crate::policy::Compiled| {
            rule.failure == FailurePolicy::Spool && rule.records()
        };
        if let Some(rule) = policy.rules().iter().find(spooling).filter(|_| !sink.spools()) {
            return Err(LayerError::NoSpool { rule: rule.name.clone() });
        }
        let counters = Arc::new(Counters::default());
        Ok(Self {
            shared: Shared { policy, sink: Arc::new(sink), actor: None, peer: None, counters },
        })
    }

    /// Says who made a request, from its head and what is among its extensions.
    ///
    /// Is asked before the request is handled. Where it gives nothing, and without it, the actor is the
    /// user `anonymous`; where it panics the user `unknown`, which is counted.
    #[must_use]
    pub fn actor<F>(mut self, actor: F) -> Self
    where
        F: Fn(&Parts) -> Option<Principal> + Send + Sync + 'static,
    {
        self.shared.actor = Some(Arc::new(actor));
        self
    }

    /// Says the address of the socket that a request came from, where it is neither a
    /// [`PeerAddr`](crate::PeerAddr) nor axum's `ConnectInfo` among its extensions.
    ///
    /// Where it gives nothing or panics, it is as if it were not there. Never take it from a header: the
    /// policy says which proxies are believed.
    #[must_use]
    pub fn peer<F>(mut self, peer: F) -> Self
    where
        F: Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
    {
        self.shared.peer = Some(Arc::new(peer));
        self
    }

    /// The policy it follows, which also knows what it does not cover.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.shared.policy
    }

    /// What became of the requests to all services made by this layer and its clones.
    #[must_use]
    pub fn counts(&self) -> AuditCounts {
        self.shared.counters.read(self.shared.policy.seen().uncovered())
    }
}

impl<I> Layer<I> for AuditLayer {
    type Service = AuditService<I>;

    fn layer(&self, inner: I) -> AuditService<I> {
        AuditService::new(inner, Arc::new(self.shared.clone()))
    }
}
