//! What the routes work with.

use std::fmt;
use std::sync::Arc;

use auditrail_store::PgAuditLog;

use crate::auth::Authenticator;
use crate::config::ServerConfig;
use crate::metrics::Metrics;
use crate::shutdown::ShuttingDown;
use crate::writes::{DirectWrites, Writes};

/// What the routes work with. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    config: ServerConfig,
    log: PgAuditLog,
    writes: Box<dyn Writes>,
    authenticator: Box<dyn Authenticator>,
    metrics: Metrics,
    shutting_down: ShuttingDown,
}

impl App {
    /// Puts the parts together; records are written one request at a time ([`DirectWrites`]).
    #[must_use]
    pub fn new(
        config: ServerConfig,
        log: PgAuditLog,
        authenticator: impl Authenticator + 'static,
    ) -> Self {
        let writes = DirectWrites::new(log.clone());
        Self::with_writes(config, log, authenticator, writes)
    }

    /// As [`App::new`], with another way to write.
    #[must_use]
    pub fn with_writes(
        config: ServerConfig,
        log: PgAuditLog,
        authenticator: impl Authenticator + 'static,
        writes: impl Writes + 'static,
    ) -> Self {
        let (writes, authenticator) = (Box::new(writes), Box::new(authenticator));
        let (metrics, shutting_down) = (Metrics::new(), ShuttingDown::default());
        Self(Arc::new(Parts { config, log, writes, authenticator, metrics, shutting_down }))
    }

    /// What the operator has set.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.0.config
    }

    /// Whether the service is about to end; whoever ends it says so here.
    #[must_use]
    pub fn shutting_down(&self) -> &ShuttingDown {
        &self.0.shutting_down
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn log(&self) -> &PgAuditLog {
        &self.0.log
    }

    pub(crate) fn writes(&self) -> &dyn Writes {
        &*self.0.writes
    }

    pub(crate) fn authenticator(&self) -> &dyn Authenticator {
        &*self.0.authenticator
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { config, log, .. } = &*self.0;
        f.debug_struct("App").field("config", config).field("log", log).finish_non_exhaustive()
    }
}
