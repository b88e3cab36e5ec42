//! The layer and its configuration.

use std::net::IpAddr;
use std::sync::Arc;

use auditrail_core::{FailurePolicy, RecordSink};
use http::request::Parts;
use tower::Layer;

use crate::capture::deliver::counts::{AuditCounts, Counters};
use crate::capture::deliver::shared::Shared;
use crate::capture::record::principal::Principal;
use crate::policy::Policy;
use crate::service::AuditService;

/// Records the requests to a service by a policy.
///
/// # Where in the stack
///
/// As far outside as possible: requests that an enclosing layer rejects are not recorded. The principal of a
/// request can be set in two ways:
///
/// - Place the layer **inside** authentication, and let [`actor`](Self::actor) read the extensions of the
///   request. Rejected logins are then not recorded.
/// - Place it **outside**, and let authentication call
///   [`AuditHandle::set_principal`](crate::AuditHandle::set_principal). Rejected requests are then recorded
///   with the actor `anonymous`; so is the intent of a rule with `must`, which precedes authentication.
///
/// Place timeouts inside, otherwise a timeout looks like a disconnected caller. A layer that converts panics to
/// responses may be on either side; outside, its response does not wait for the spool.
///
/// Inside another audit layer, this one does nothing: the outermost policy applies. If the policies differ,
/// requests are counted ([`AuditCounts::overruled`]) and logged. Nest services with policies of their own side
/// by side.
#[derive(Clone, Debug)]
pub struct AuditLayer {
    shared: Shared,
}

/// An invalid combination of policy and sink.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// A rule needs a spool, and the sink has none.
    #[error(
        "the rule `{rule}` has the failure policy `spool`, but the sink has no spool; configure a spool \
         directory, or change the policy of the rule"
    )]
    NoSpool {
        /// The first such rule.
        rule: String,
    },
}

auditrail_core::debug_as_messages!(LayerError);

impl AuditLayer {
    /// A layer that applies a policy and submits records to a sink.
    ///
    /// # Errors
    /// [`LayerError::NoSpool`] if a rule spools and the sink has no spool.
    pub fn new<S>(policy: impl Into<Arc<Policy>>, sink: S) -> Result<Self, LayerError>
    where
        S: RecordSink + 'static,
    {
        let policy = policy.into();
        let spooling = |rule: &&crate::policy::CompiledRule| {
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

    /// Sets the callback that returns the principal of a request from its head and extensions.
    ///
    /// Called before the request is handled. Without a callback, or if it returns `None`, the actor is the user
    /// `anonymous`; if it panics, the user `unknown`, which is counted.
    #[must_use]
    pub fn actor<F>(mut self, actor: F) -> Self
    where
        F: Fn(&Parts) -> Option<Principal> + Send + Sync + 'static,
    {
        self.shared.actor = Some(Arc::new(actor));
        self
    }

    /// Sets the callback that returns the address of the peer, for servers that insert neither
    /// [`PeerAddr`](crate::PeerAddr) nor axum's `ConnectInfo`.
    ///
    /// If it returns `None` or panics, the extensions are used. Do not read a header here: the policy defines
    /// which proxies are trusted.
    #[must_use]
    pub fn peer<F>(mut self, peer: F) -> Self
    where
        F: Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
    {
        self.shared.peer = Some(Arc::new(peer));
        self
    }

    /// The policy, with its coverage report.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.shared.policy
    }

    /// The counts of all services created by this layer and its clones.
    #[must_use]
    pub fn counts(&self) -> AuditCounts {
        let coverage = self.shared.policy.coverage_tracker();
        self.shared.counters.read(coverage.uncovered(), coverage.ambiguous())
    }
}

impl<I> Layer<I> for AuditLayer {
    type Service = AuditService<I>;

    fn layer(&self, inner: I) -> AuditService<I> {
        AuditService::new(inner, Arc::new(self.shared.clone()))
    }
}
