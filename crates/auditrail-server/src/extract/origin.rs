//! Where a request came from.

use auditrail_core::RequestContext;
use auditrail_core::limits::USER_AGENT_MAX_CHARS;
use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use crate::app::App;
use crate::listen::Peer;
use crate::middleware::RequestId;

/// Address, user agent and id of a request. The address is that of the connection, never of a header.
pub(crate) struct RequestOrigin(RequestContext);

impl FromRequestParts<App> for RequestOrigin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Self::Rejection> {
        let user_agent = parts
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .map(|text| text.chars().take(USER_AGENT_MAX_CHARS).collect::<String>())
            .and_then(|text| text.parse().ok());
        Ok(Self(RequestContext {
            ip_address: parts.extensions.get::<Peer>().map(|Peer(peer)| peer.ip().to_canonical()),
            user_agent,
            request_id: parts.extensions.get::<RequestId>().and_then(|id| id.as_str().parse().ok()),
        }))
    }
}

impl RequestOrigin {
    pub(crate) fn into_context(self) -> RequestContext {
        self.0
    }
}
