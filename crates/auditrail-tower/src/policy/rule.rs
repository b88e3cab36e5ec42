//! A rule as written in a file or in code, not validated.

use auditrail_core::FailurePolicy;
use serde::Serialize;

/// How much of a request is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing; the request still counts as covered.
    None,
    /// Actor, action, target and outcome.
    #[default]
    Metadata,
    /// In addition, the allowed fields of the request body.
    Request,
    /// In addition, the allowed fields of the response body.
    RequestResponse,
}

impl Level {
    /// All levels, least detailed first.
    pub const ALL: [Self; 4] = [Self::None, Self::Metadata, Self::Request, Self::RequestResponse];

    /// The name in policy files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Metadata => "metadata",
            Self::Request => "request",
            Self::RequestResponse => "request_response",
        }
    }

    /// Whether request bodies are recorded.
    pub(crate) const fn has_request(self) -> bool {
        matches!(self, Self::Request | Self::RequestResponse)
    }
}

/// What happens to a request whose path servers may read in ways that match different rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AmbiguousPaths {
    /// It is handled, and recorded by the strictest of the rules.
    #[default]
    Record,
    /// It is rejected with 400 before the handler runs, and recorded as rejected if the strictest rule records that
    /// status.
    Refuse,
}

impl AmbiguousPaths {
    /// Both choices.
    pub const ALL: [Self; 2] = [Self::Record, Self::Refuse];

    /// The name in policy files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Refuse => "refuse",
        }
    }
}

/// The source of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdFrom {
    pub(crate) kind: IdKind,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdKind {
    Path,
    Header,
    Body,
    Response,
    Value,
}

impl IdKind {
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("path", Self::Path),
        ("header", Self::Header),
        ("body", Self::Body),
        ("response", Self::Response),
        ("value", Self::Value),
    ];
}

impl IdFrom {
    /// A parameter of the route, percent-decoded.
    #[must_use]
    pub fn path(name: impl Into<String>) -> Self {
        Self { kind: IdKind::Path, text: name.into() }
    }

    /// A header of the request.
    #[must_use]
    pub fn header(name: impl Into<String>) -> Self {
        Self { kind: IdKind::Header, text: name.into() }
    }

    /// A value in the JSON body of the request, by JSON pointer.
    #[must_use]
    pub fn body(pointer: impl Into<String>) -> Self {
        Self { kind: IdKind::Body, text: pointer.into() }
    }

    /// A value in the JSON body of the response, by JSON pointer.
    #[must_use]
    pub fn response(pointer: impl Into<String>) -> Self {
        Self { kind: IdKind::Response, text: pointer.into() }
    }

    /// A constant.
    #[must_use]
    pub fn value(text: impl Into<String>) -> Self {
        Self { kind: IdKind::Value, text: text.into() }
    }
}

/// Which requests are recorded, and how: a `[[rule]]` of the policy file, in code.
///
/// Validated when the policy is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    pub(crate) name: Option<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) route: String,
    pub(crate) status: Vec<String>,
    pub(crate) level: Level,
    pub(crate) action: Option<String>,
    pub(crate) target_type: Option<String>,
    pub(crate) target_id: Option<IdFrom>,
    pub(crate) require_target: bool,
    pub(crate) tenant_id: Option<IdFrom>,
    pub(crate) failure: Option<FailurePolicy>,
    pub(crate) allow: Vec<String>,
}

impl Rule {
    /// A rule for one method and route. Give it an [`action`](Self::action) and a
    /// [`target`](Self::target), or the level [`Level::None`].
    #[must_use]
    pub fn on(method: impl Into<String>, route: impl Into<String>) -> Self {
        Self { methods: vec![method.into()], route: route.into(), ..Self::default() }
    }

    /// A rule for all methods of a route.
    #[must_use]
    pub fn any(route: impl Into<String>) -> Self {
        Self { route: route.into(), ..Self::default() }
    }

    /// Adds a method.
    #[must_use]
    pub fn or(mut self, method: impl Into<String>) -> Self {
        self.methods.push(method.into());
        self
    }

    /// Sets the name in records, errors and reports. Default: the methods and the route.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Adds a status pattern: `404`, `2xx` or `400-499`. Default: every status.
    #[must_use]
    pub fn status(mut self, pattern: impl Into<String>) -> Self {
        self.status.push(pattern.into());
        self
    }

    /// Sets how much is recorded. Default: [`Level::Metadata`].
    #[must_use]
    pub fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Sets the action, as `resource.verb`.
    #[must_use]
    pub fn action(self, action: impl Into<String>) -> Self {
        Self { action: Some(action.into()), ..self }
    }

    /// Sets the type of the target, and the source of its id.
    #[must_use]
    pub fn target(self, target_type: impl Into<String>, id: IdFrom) -> Self {
        Self { target_type: Some(target_type.into()), target_id: Some(id), ..self }
    }

    /// Sets the type of the target; the handler sets its id, with
    /// [`AuditHandle::set_target_id`](crate::AuditHandle::set_target_id).
    #[must_use]
    pub fn target_type(self, target_type: impl Into<String>) -> Self {
        Self { target_type: Some(target_type.into()), ..self }
    }

    /// Rejects a request with 422, before the handler runs, if its target id is unknown. Needs the failure policy
    /// [`FailurePolicy::Must`], and a target id that is known then: not one from the response or the handler.
    #[must_use]
    pub fn require_target(self) -> Self {
        Self { require_target: true, ..self }
    }

    /// Sets the source of the tenant. Default: the tenant of the principal.
    #[must_use]
    pub fn tenant(self, id: IdFrom) -> Self {
        Self { tenant_id: Some(id), ..self }
    }

    /// Sets the behaviour while the audit log is unreachable. Default: that of the policy.
    #[must_use]
    pub fn failure(self, failure: FailurePolicy) -> Self {
        Self { failure: Some(failure), ..self }
    }

    /// Allows a field of bodies to be recorded, by JSON pointer.
    #[must_use]
    pub fn allow(mut self, pointer: impl Into<String>) -> Self {
        self.allow.push(pointer.into());
        self
    }
}
