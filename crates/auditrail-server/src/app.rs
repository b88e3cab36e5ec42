//! What the routes work with.

use std::fmt;
use std::sync::Arc;

use auditrail_store::{PgApiKeys, PgAuditLog};
use tokio::sync::Semaphore;

use crate::auth::Authenticator;
use crate::budgets::Meters;
use crate::config::ServerConfig;
use crate::metrics::Metrics;
use crate::shutdown::ShuttingDown;
use crate::writes::Writes;

/// What the routes work with. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    config: ServerConfig,
    log: PgAuditLog,
    writes: Box<dyn Writes>,
    authenticator: Box<dyn Authenticator>,
    bodies: Arc<Semaphore>,
    keys: PgApiKeys,
    meters: Meters,
    metrics: Metrics,
    shutting_down: ShuttingDown,
}

impl App {
    /// Puts the parts together.
    ///
    /// Keys are made, listed and revoked over the pool of `log`, which needs the rights of a service.
    #[must_use]
    pub fn new(
        config: ServerConfig,
        log: PgAuditLog,
        authenticator: impl Authenticator + 'static,
        writes: impl Writes + 'static,
    ) -> Self {
        let (writes, authenticator) = (Box::new(writes), Box::new(authenticator));
        // A single body of the largest size must find room, whatever was set.
        let room = config.bodies_max_bytes.max(config.body_max_bytes);
        Self(Arc::new(Parts {
            bodies: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS))),
            keys: PgApiKeys::new(log.pool().clone()),
            meters: Meters::new(&config.budgets),
            metrics: Metrics::new(),
            shutting_down: ShuttingDown::default(),
            config,
            log,
            writes,
            authenticator,
        }))
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

    /// The memory that is free for bodies, a permit for each byte.
    pub(crate) fn bodies(&self) -> &Arc<Semaphore> {
        &self.0.bodies
    }

    pub(crate) fn authenticator(&self) -> &dyn Authenticator {
        &*self.0.authenticator
    }

    /// The keys that `/v1/keys` makes and revokes, in the database of the log.
    pub(crate) fn keys(&self) -> &PgApiKeys {
        &self.0.keys
    }

    pub(crate) fn meters(&self) -> &Meters {
        &self.0.meters
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { config, log, .. } = &*self.0;
        f.debug_struct("App").field("config", config).field("log", log).finish_non_exhaustive()
    }
}
