//! A rule as people write it, in a file or in code.

use auditrail_core::FailurePolicy;
use serde::Serialize;

/// How much is recorded of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing, on purpose.
    None,
    /// Who did what to what, and how it ended.
    #[default]
    Metadata,
    /// Also the allowed fields of the request's body.
    Request,
    /// Also the allowed fields of the bodies of the request and the answer.
    RequestResponse,
}

impl Level {
    /// Every level, the least first.
    pub const ALL: [Self; 4] = [Self::None, Self::Metadata, Self::Request, Self::RequestResponse];

    /// The name, as policy files have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Metadata => "metadata",
            Self::Request => "request",
            Self::RequestResponse => "request_response",
        }
    }

    /// Whether bodies of requests are recorded.
    pub(crate) const fn has_request(self) -> bool {
        matches!(self, Self::Request | Self::RequestResponse)
    }
}

/// Where an id comes from.
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
    /// A parameter of the route, decoded.
    #[must_use]
    pub fn path(name: impl Into<String>) -> Self {
        Self { kind: IdKind::Path, text: name.into() }
    }

    /// A header of the request.
    #[must_use]
    pub fn header(name: impl Into<String>) -> Self {
        Self { kind: IdKind::Header, text: name.into() }
    }

    /// A place in the body of the request, as a JSON pointer.
    #[must_use]
    pub fn body(pointer: impl Into<String>) -> Self {
        Self { kind: IdKind::Body, text: pointer.into() }
    }

    /// A place in the body of the answer, as a JSON pointer.
    #[must_use]
    pub fn response(pointer: impl Into<String>) -> Self {
        Self { kind: IdKind::Response, text: pointer.into() }
    }

    /// This text.
    #[must_use]
    pub fn value(text: impl Into<String>) -> Self {
        Self { kind: IdKind::Value, text: text.into() }
    }
}

/// What is recorded of which requests: a `[[rule]]` of the policy file, in code.
///
/// What is wrong with it is told when the policy is built.
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
    pub(crate) tenant_id: Option<IdFrom>,
    pub(crate) failure: Option<FailurePolicy>,
    pub(crate) allow: Vec<String>,
}

impl Rule {
    /// A rule about one method and route. Give it an [`action`](Self::action) and a
    /// [`target`](Self::target), or the level [`Level::None`].
    #[must_use]
    pub fn on(method: impl Into<String>, route: impl Into<String>) -> Self {
        Self { methods: vec![method.into()], route: route.into(), ..Self::default() }
    }

    /// A rule about a route, whatever the method.
    #[must_use]
    pub fn any(route: impl Into<String>) -> Self {
        Self { route: route.into(), ..Self::default() }
    }

    /// Another method that the rule is about.
    #[must_use]
    pub fn or(mut self, method: impl Into<String>) -> Self {
        self.methods.push(method.into());
        self
    }

    /// What records, messages and reports call it; else its methods and route.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Another status that the rule is about, as `404`, `2xx` or `400-499`; without any, every status.
    #[must_use]
    pub fn status(mut self, pattern: impl Into<String>) -> Self {
        self.status.push(pattern.into());
        self
    }

    /// How much is recorded.
    #[must_use]
    pub fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// What was done, as `resource.verb`.
    #[must_use]
    pub fn action(self, action: impl Into<String>) -> Self {
        Self { action: Some(action.into()), ..self }
    }

    /// What was acted upon, and where its id comes from.
    #[must_use]
    pub fn target(self, target_type: impl Into<String>, id: IdFrom) -> Self {
        Self { target_type: Some(target_type.into()), target_id: Some(id), ..self }
    }

    /// What was acted upon, where the handler says which one, by
    /// [`AuditHandle::set_target`](crate::AuditHandle::set_target).
    #[must_use]
    pub fn target_type(self, target_type: impl Into<String>) -> Self {
        Self { target_type: Some(target_type.into()), ..self }
    }

    /// Whose record it is; without it, the tenant of the actor.
    #[must_use]
    pub fn tenant(self, id: IdFrom) -> Self {
        Self { tenant_id: Some(id), ..self }
    }

    /// What happens when the audit log cannot be reached; without it, what the policy says.
    #[must_use]
    pub fn failure(self, failure: FailurePolicy) -> Self {
        Self { failure: Some(failure), ..self }
    }

    /// A field of bodies that may be recorded, as a JSON pointer.
    #[must_use]
    pub fn allow(mut self, pointer: impl Into<String>) -> Self {
        self.allow.push(pointer.into());
        self
    }
}
