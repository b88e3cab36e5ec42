//! The caller of a request, as soon as it is known.

use std::sync::{Arc, OnceLock};

use axum::http::Extensions;

use crate::auth::Principal;
use crate::connections::Connection;
use crate::share_holder::ShareHolder;

/// The caller of a request: unknown until its API key was accepted. Clones share it; the listener creates it,
/// the extractor of the key sets it, and the layers around the handler read it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    holder: OnceLock<ShareHolder>,
    connection: Option<Arc<Connection>>,
}

impl Caller {
    /// An unknown caller on a connection.
    pub(crate) fn on(connection: Arc<Connection>) -> Self {
        Self(Arc::new(Inner { holder: OnceLock::new(), connection: Some(connection) }))
    }

    /// The caller of a request; a new one if the request did not come from the listener.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Sets the principal of the accepted key.
    pub(crate) fn set(&self, principal: &Principal) {
        if self.0.holder.set(principal.into()).is_ok()
            && let Some(connection) = &self.0.connection
        {
            connection.set_authenticated();
        }
    }

    /// The holder of the shares that the request uses, once its key was accepted.
    pub(crate) fn holder(&self) -> Option<&ShareHolder> {
        self.0.holder.get()
    }
}
