//! What a handler may say about the record of its request.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderValue;
use serde::Serialize;
use serde_json::{Map, Value};

use super::principal::Principal;
use crate::policy::Policy;

/// What a handler may say about the record of its request.
///
/// Is among the extensions of every request. Without a rule for the request it changes nothing. Clones
/// are about the same request.
#[derive(Clone)]
pub struct AuditHandle(Arc<Inner>);

struct Inner {
    request_id: HeaderValue,
    policy: Arc<Policy>,
    said: Mutex<Said>,
}

/// What was said.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) principal: Option<Principal>,
    pub(crate) target_id: Option<String>,
    pub(crate) target_type: Option<String>,
    pub(crate) tenant_id: Option<String>,
    pub(crate) extra: Option<Value>,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
    pub(crate) skipped: bool,
}

impl AuditHandle {
    pub(crate) fn new(request_id: HeaderValue, policy: Arc<Policy>) -> Self {
        Self(Arc::new(Inner { request_id, policy, said: Mutex::default() }))
    }

    /// Whether it is of a layer with this policy.
    pub(crate) fn follows(&self, policy: &Arc<Policy>) -> bool {
        Arc::ptr_eq(&self.0.policy, policy)
    }

    /// The id of the request: of its records, and of the header `X-Request-Id`.
    #[must_use]
    pub fn request_id(&self) -> &str {
        // Only printable ASCII becomes the id of a request.
        self.0.request_id.to_str().unwrap_or_default()
    }

    /// Says what is acted upon, instead of what the rule says.
    pub fn set_target(&self, target_type: impl Into<String>, target_id: impl Into<String>) {
        let (target_type, target_id) = (target_type.into(), target_id.into());
        let mut said = self.said();
        said.target_type = Some(target_type);
        said.target_id = Some(target_id);
    }

    /// Says which one is acted upon; what kind of thing it is, the rule says.
    pub fn set_target_id(&self, target_id: impl Into<String>) {
        let target_id = target_id.into();
        self.said().target_id = Some(target_id);
    }

    /// Says whose record it is, instead of what the rule or the actor says.
    pub fn set_tenant(&self, tenant_id: impl Into<String>) {
        let tenant_id = tenant_id.into();
        self.said().tenant_id = Some(tenant_id);
    }

    /// Says who made the request, where that is found out behind the layer. The intent of a rule with
    /// `must` is written before that.
    pub fn set_principal(&self, principal: Principal) {
        self.said().principal = Some(principal);
    }

    /// Adds a value to `metadata.extra`. What the policy removes is removed. A value that has no form in
    /// JSON is recorded as `[no JSON]`.
    pub fn add_metadata(&self, name: impl Into<String>, value: impl Serialize) {
        let entry = Map::from_iter([(name.into(), json(&value))]);
        let Some(Value::Object(clean)) = self.0.policy.redaction().clean(&entry.into()) else {
            return;
        };
        let mut said = self.said();
        match &mut said.extra {
            Some(Value::Object(extra)) => extra.extend(clean),
            extra => {
                *extra =
                    Some(Value::Object(clean)).filter(|extra| *extra != Value::Object(Map::new()))
            }
        }
    }

    /// Says what was there before and after. Of two objects, only fields that differ are recorded; what
    /// the policy removes is removed.
    pub fn diff(&self, before: &impl Serialize, after: &impl Serialize) {
        let redaction = self.0.policy.redaction();
        let clean = |value: Value| redaction.clean(&value).unwrap_or(Value::Null);
        let (before, after) = match (clean(json(before)), clean(json(after))) {
            (Value::Object(before), Value::Object(after)) => {
                (changed(&before, &after), changed(&after, &before))
            }
            values => values,
        };
        let mut said = self.said();
        said.before = Some(before);
        said.after = Some(after);
    }

    /// Leaves no record of this request. With `must` the intent is there already and gets its outcome.
    pub fn skip(&self) {
        self.said().skipped = true;
    }

    /// What was said until now.
    pub(crate) fn said(&self) -> MutexGuard<'_, Said> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the id of the request, and nothing of what was said.
impl fmt::Debug for AuditHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditHandle")
            .field("request_id", &self.request_id())
            .finish_non_exhaustive()
    }
}

/// Fails with 500 where the layer is not around the handler, which is a mistake in the set-up.
#[cfg(feature = "axum")]
impl<S: Sync> axum::extract::FromRequestParts<S> for AuditHandle {
    type Rejection = (http::StatusCode, &'static str);

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _state: &S,
    ) -> Result<Self, Self::Rejection> {
        let missing = "the audit layer is not around this route";
        let handle = parts.extensions.get::<Self>().cloned();
        handle.ok_or((http::StatusCode::INTERNAL_SERVER_ERROR, missing))
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
