//! The log's records about itself: who read it, and who took it away.

use std::collections::BTreeMap;

use auditrail_core::limits::{METADATA_MAX_BYTES, USER_AGENT_MAX_CHARS};
use auditrail_core::{
    Action, Actor, ActorId, CreateInput, Filters, Metadata, Record, RequestContext, Target,
    TargetId, TargetType, TenantId,
};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::limits::RETRY_LATER;
use crate::listen::Peer;
use crate::problem::Problem;
use crate::request_id::Id;

/// Where a request came from, as far as it can be trusted.
pub(crate) struct Origin(RequestContext);

impl FromRequestParts<App> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Self::Rejection> {
        let agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let short = agent.map(|text| text.chars().take(USER_AGENT_MAX_CHARS).collect::<String>());
        Ok(Self(RequestContext {
            ip_address: parts.extensions.get::<Peer>().map(|Peer(peer)| peer.ip().to_canonical()),
            user_agent: short.and_then(|text| text.parse().ok()),
            request_id: parts.extensions.get::<Id>().and_then(|id| id.as_str().parse().ok()),
        }))
    }
}

impl Origin {
    /// The same, for a record of somebody else's making.
    pub(crate) fn into_context(self) -> RequestContext {
        self.0
    }
}

/// What somebody did to the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    /// Searched it, counted it, or looked at one record.
    Read,
    /// Took every matching record away.
    Exported,
}

impl Deed {
    const fn action(self) -> &'static str {
        match self {
            Self::Read => "audit_log.read",
            Self::Exported => "audit_log.exported",
        }
    }
}

/// The calls that read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Read<'a> {
    /// A page of a search.
    List(&'a Filters),
    /// The counts of a search.
    Stats(&'a Filters),
    /// One record.
    Get(&'a Record),
}

impl Read<'_> {
    fn tenant(self) -> Option<TenantId> {
        match self {
            Self::List(filters) | Self::Stats(filters) => filters.tenant_id.clone(),
            Self::Get(record) => record.tenant_id.clone(),
        }
    }

    fn metadata(self) -> Value {
        match self {
            Self::List(filters) => json!({"call": "list", "filters": as_object(filters)}),
            Self::Stats(filters) => json!({"call": "stats", "filters": as_object(filters)}),
            Self::Get(record) => json!({"call": "get", "id": record.id}),
        }
    }
}

/// Writes down that a key was used to read, where the operator wants that.
///
/// # Errors
/// A 503 when it cannot be written down; then nothing may be read.
pub(crate) async fn record_read(
    app: &App,
    principal: &Principal,
    origin: Origin,
    read: Read<'_>,
) -> Result<(), Problem> {
    match app.config().record_reads {
        true => record(app, principal, origin, Deed::Read, read.tenant(), read.metadata()).await,
        false => Ok(()),
    }
}

/// Writes down what a key was used for. The record belongs to the tenant whose records were asked
/// for, so that a tenant sees who read its part of the log.
///
/// It has its id before it is written, so that whoever writes it may try again and writes it once.
///
/// # Errors
/// A 503 when it cannot be written down, whatever the reason: the call was in order, and must not go
/// on unrecorded.
pub(crate) async fn record(
    app: &App,
    principal: &Principal,
    origin: Origin,
    deed: Deed,
    tenant: Option<TenantId>,
    metadata: Value,
) -> Result<(), Problem> {
    let actor = Actor::ApiKey(ActorId::from_stored(principal.key_id.clone()));
    let target = Target::new(
        TargetType::from_stored("audit_log"),
        TargetId::from_stored(tenant.as_ref().map_or("all", TenantId::as_str)),
    );
    let mut input = CreateInput::new(actor, Action::from_stored(deed.action()), target)
        .with_context(origin.0)
        .with_metadata(small(&metadata));
    input.tenant_id = tenant;
    input.id = Some(clock::record_id().map_err(|error| {
        tracing::error!(%error, "could not obtain random bytes from the OS");
        not_recorded(Problem::internal("no_randomness"))
    })?);
    app.writes()
        .create(input, principal.version)
        .await
        .map_err(|error| not_recorded(error.into()))?;
    Ok(())
}

/// Nothing is read or taken away that could not be written down. The call itself was in order, so
/// whatever is wrong with the record is not the caller's mistake: what is no 503 or 429 becomes one.
fn not_recorded(problem: Problem) -> Problem {
    if let StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS = problem.status() {
        return problem;
    }
    tracing::error!(?problem, "refused a request whose audit record could not be written");
    let detail = "this operation is audited, and its audit record could not be written, so \
                  nothing was read; retry, and contact the operator if the error persists";
    let title = "Service unavailable";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_recorded", title, detail)
        .retry_after(RETRY_LATER)
}

/// Metadata within its limits. Ten metadata filters of escaped characters can go beyond them; the
/// record then says so instead of being lost.
fn small(value: &Value) -> Metadata {
    let text = value.to_string();
    let parsed = (text.len() <= METADATA_MAX_BYTES).then(|| text.parse().ok()).flatten();
    let cut = || r#"{"filters_too_large":true}"#.parse().ok();
    parsed.or_else(cut).unwrap_or_default()
}

pub(crate) fn as_object(filters: &Filters) -> BTreeMap<String, String> {
    filters.to_pairs().into_iter().map(|(name, value)| (name.into_owned(), value)).collect()
}
