//! The log's records about itself: who read it, and who took it away.

use std::collections::BTreeMap;

use auditrail_core::limits::{METADATA_MAX_BYTES, USER_AGENT_MAX_CHARS};
use auditrail_core::{
    Action, Actor, ActorId, ActorType, CreateInput, Filters, Metadata, RequestContext, Target,
    TargetId, TargetType, TenantId,
};
use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Principal;
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

/// Writes down that a key was used to read, where the operator wants that.
///
/// A read that cannot be written down is not done.
pub(crate) async fn record_read(
    app: &App,
    principal: &Principal,
    origin: Origin,
    filters: &Filters,
) -> Result<(), Problem> {
    match app.config().record_reads {
        true => {
            record(app, principal, origin, Deed::Read, filters.tenant_id.clone(), {
                json!({"filters": as_object(filters)})
            })
            .await
        }
        false => Ok(()),
    }
}

/// Writes down what a key was used for. The record belongs to the tenant whose records were asked
/// for, so that a tenant sees who read its part of the log.
pub(crate) async fn record(
    app: &App,
    principal: &Principal,
    origin: Origin,
    deed: Deed,
    tenant: Option<TenantId>,
    metadata: Value,
) -> Result<(), Problem> {
    let actor = Actor::new(ActorType::ApiKey, ActorId::from_stored(principal.key_id.clone()))
        .map_err(|_| Problem::internal("internal"))?;
    let target = Target::new(
        TargetType::from_stored("audit_log"),
        TargetId::from_stored(tenant.as_ref().map_or("all", TenantId::as_str)),
    );
    let mut input = CreateInput::new(actor, Action::from_stored(deed.action()), target)
        .with_context(origin.0)
        .with_metadata(small(&metadata));
    input.tenant_id = tenant;
    app.writes().create(input).await?;
    Ok(())
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
