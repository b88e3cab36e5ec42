//! The handler's access to the record of its request.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderValue;
use serde::Serialize;
use serde_json::{Map, Value};

use super::caller::{Caller, OwnRecord};
use super::principal::Principal;
use crate::policy::Policy;

/// Enriches the record of a request from its handler, or lets the handler write it in its own transaction
/// ([`input`](Self::input)).
///
/// An extension of every request. It has no effect if no rule matches the request. Clones refer to the same
/// request.
#[derive(Clone)]
pub struct AuditHandle(Arc<Inner>);

struct Inner {
    request_id: HeaderValue,
    policy: Arc<Policy>,
    caller: Caller,
    enrichment: Mutex<Enrichment>,
}

/// The values that a handler has set.
#[derive(Default)]
pub(crate) struct Enrichment {
    pub(crate) principal: Option<Principal>,
    pub(crate) target_id: Option<String>,
    pub(crate) target_type: Option<String>,
    pub(crate) target_name: Option<String>,
    pub(crate) tenant_id: Option<String>,
    pub(crate) extra: Option<Value>,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
    pub(crate) skipped: bool,
    pub(crate) own: OwnRecord,
}

impl AuditHandle {
    pub(crate) fn new(request_id: HeaderValue, policy: Arc<Policy>, caller: Caller) -> Self {
        Self(Arc::new(Inner { request_id, policy, caller, enrichment: Mutex::default() }))
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.0.caller
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Whether the handle belongs to a layer with this policy.
    pub(crate) fn follows(&self, policy: &Arc<Policy>) -> bool {
        Arc::ptr_eq(&self.0.policy, policy)
    }

    /// The id of the request, in its records and in the header `X-Request-Id`.
    #[must_use]
    pub fn request_id(&self) -> &str {
        // A request id is always printable ASCII.
        self.0.request_id.to_str().unwrap_or_default()
    }

    /// Sets the target, overriding the rule.
    pub fn set_target(&self, target_type: impl Into<String>, target_id: impl Into<String>) {
        // Converted before locking: a conversion may use the handle.
        let target_type = target_type.into();
        let target_id = target_id.into();
        let mut enrichment = self.enrichment();
        enrichment.target_type = Some(target_type);
        enrichment.target_id = Some(target_id);
    }

    /// Sets the id of the target; its type stays that of the rule.
    pub fn set_target_id(&self, target_id: impl Into<String>) {
        let target_id = target_id.into();
        self.enrichment().target_id = Some(target_id);
    }

    /// Sets the name of the target for people.
    pub fn set_target_name(&self, target_name: impl Into<String>) {
        let target_name = target_name.into();
        self.enrichment().target_name = Some(target_name);
    }

    /// Sets the tenant, overriding the rule and the principal.
    pub fn set_tenant(&self, tenant_id: impl Into<String>) {
        let tenant_id = tenant_id.into();
        self.enrichment().tenant_id = Some(tenant_id);
    }

    /// Sets the principal, for authentication inside the layer. The intent of a rule with `must` is recorded
    /// earlier and lacks it.
    pub fn set_principal(&self, principal: Principal) {
        self.enrichment().principal = Some(principal);
    }

    /// Adds a value to `metadata.extra`, redacted by the policy. A value that cannot be serialized is recorded
    /// as `[no JSON]`.
    pub fn add_metadata(&self, name: impl Into<String>, value: impl Serialize) {
        let entry = Map::from_iter([(name.into(), json(&value))]);
        let Some(Value::Object(clean)) = self.0.policy.redaction().clean(&entry.into()) else {
            return;
        };
        let mut enrichment = self.enrichment();
        match &mut enrichment.extra {
            Some(Value::Object(extra)) => extra.extend(clean),
            extra => {
                *extra =
                    Some(Value::Object(clean)).filter(|extra| *extra != Value::Object(Map::new()))
            }
        }
    }

    /// Sets the states before and after, redacted by the policy. Of two objects, only differing fields are
    /// recorded.
    pub fn diff(&self, before: &impl Serialize, after: &impl Serialize) {
        let redaction = self.0.policy.redaction();
        let clean = |value: Value| redaction.clean(&value).unwrap_or(Value::Null);
        let (before, after) = match (clean(json(before)), clean(json(after))) {
            (Value::Object(before), Value::Object(after)) => {
                (changed(&before, &after), changed(&after, &before))
            }
            values => values,
        };
        let mut enrichment = self.enrichment();
        enrichment.before = Some(before);
        enrichment.after = Some(after);
    }

    /// Omits the record of this request. With `must` the intent is recorded already, and its outcome still
    /// follows.
    pub fn skip(&self) {
        self.enrichment().skipped = true;
    }

    /// The values that the handler has set so far.
    pub(crate) fn enrichment(&self) -> MutexGuard<'_, Enrichment> {
        self.0.enrichment.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows only the request id.
impl fmt::Debug for AuditHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditHandle")
            .field("request_id", &self.request_id())
            .finish_non_exhaustive()
    }
}

/// Rejects with 500 if the layer does not wrap the handler, which is a configuration error.
#[cfg(feature = "axum")]
impl<S: Sync> axum::extract::FromRequestParts<S> for AuditHandle {
    type Rejection = (http::StatusCode, &'static str);

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _state: &S,
    ) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or((
            http::StatusCode::INTERNAL_SERVER_ERROR,
            "the audit layer does not wrap this route; add it to the router",
        ))
    }
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_else(|_| "[no JSON]".into())
}

fn changed(values: &Map<String, Value>, others: &Map<String, Value>) -> Value {
    let differing = values.iter().filter(|(name, value)| others.get(*name) != Some(value));
    Value::Object(differing.map(|(name, value)| (name.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests;
