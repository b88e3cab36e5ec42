//! The caller of a request, as soon as it is known.

use std::sync::{Arc, OnceLock};

use axum::http::Extensions;

use crate::connections::{Connection, ConnectionHandle, Connections, InFlight, OpenConnection};
use crate::share_holder::ShareHolder;

/// The caller of a request: unknown until its API key was accepted. Clones share it; the listener creates it,
/// the extractor of the key sets it, and the layers around the handler read it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    holder: OnceLock<ShareHolder>,
    /// The connection of the request, and all others.
    listener: Option<(Arc<Connection>, Connections)>,
    in_flight: OnceLock<InFlight>,
}

/// Requests of the same share holder use too many connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooManyRequests;

impl Caller {
    /// An unknown caller on a connection.
    pub(crate) fn on(connection: &OpenConnection) -> Self {
        let listener = (Arc::clone(connection.connection()), connection.connections().clone());
        Self(Arc::new(Inner { listener: Some(listener), ..Inner::default() }))
    }

    /// The caller of a request; a new one if the request did not come from the listener.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Sets the share holder of the accepted key. The request is counted for it until all clones of this are
    /// dropped.
    ///
    /// # Errors
    /// The share holder has too many requests in flight.
    pub(crate) fn set(&self, holder: &ShareHolder) -> Result<(), TooManyRequests> {
        let holder = self.0.holder.get_or_init(|| holder.clone());
        if let Some((connection, connections)) = &self.0.listener
            && self.0.in_flight.get().is_none()
        {
            connection.set_authenticated();
            let request = connections.begin_request_of(holder).ok_or(TooManyRequests)?;
            drop(self.0.in_flight.set(request));
        }
        Ok(())
    }

    /// The connection of the request, if it came from the listener.
    pub(crate) fn connection(&self) -> Option<ConnectionHandle> {
        self.0.listener.as_ref().map(|(connection, _)| ConnectionHandle::new(connection))
    }

    /// The holder of the shares that the request uses, once its key was accepted.
    pub(crate) fn holder(&self) -> Option<&ShareHolder> {
        self.0.holder.get()
    }
}
