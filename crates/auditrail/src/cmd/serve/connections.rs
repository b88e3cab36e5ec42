//! The database connections of the service, besides those of the writer, of the sequencer and of the readiness
//! check.

use auditrail_core::CursorKey;
use auditrail_server::limits::KEY_CHECK_TIMEOUT;
use auditrail_store::{PgApiKeys, PgAuditLog, Sessions};
use sqlx::PgPool;

use crate::config::ServerSettings;
use crate::database::Database;

/// Connections for API key lookups. One statement looks up the keys of many requests, so few are
/// needed.
const LOOKUP_CONNECTIONS: u32 = 2;
/// Connections for creating, listing and revoking API keys, which are rare.
const KEY_CONNECTIONS: u32 = 3;
/// Connections for what writes read: the stored records of duplicates.
const WRITTEN_CONNECTIONS: u32 = 2;

/// Connections of the sequencer and of what follows it: its own, and those of the reconciler, the sealer, the signer, the
/// checker and the index of words.
const SEQUENCER_CONNECTIONS: u32 = 6;
/// Connections for the maintenance of partitions: one that works, one with its lock, and one that looks.
const MAINTENANCE_CONNECTIONS: u32 = 3;
/// Connections of a run of retention: its own, and one with its lock.
const RETENTION_CONNECTIONS: u32 = 2;

/// Connections for each kind of operation, so that none of them can delay another.
pub(super) struct DatabaseConnections {
    reads: Sessions,
    exports: PgPool,
    pub(super) keys: PgPool,
    lookups: Sessions,
    written: Sessions,
}

impl DatabaseConnections {
    /// The most that there may be.
    pub(super) const fn max(settings: &ServerSettings) -> u32 {
        let sequencer = if settings.sequencer { SEQUENCER_CONNECTIONS } else { 0 };
        let retention = if settings.retention.is_enabled { RETENTION_CONNECTIONS } else { 0 };
        settings.database_connections
            + settings.export_connections
            + KEY_CONNECTIONS
            + LOOKUP_CONNECTIONS
            + WRITTEN_CONNECTIONS
            + sequencer
            + MAINTENANCE_CONNECTIONS
            + retention
    }

    /// Connects on first use.
    pub(super) fn new(database: &Database, settings: &ServerSettings) -> Self {
        let timeout = settings.config.request_timeout;
        Self {
            reads: database.service_sessions(settings.database_connections, timeout),
            exports: database.service_pool(settings.export_connections, timeout),
            keys: database.service_pool(KEY_CONNECTIONS, timeout),
            lookups: database.service_sessions(LOOKUP_CONNECTIONS, KEY_CHECK_TIMEOUT),
            written: database.service_sessions(WRITTEN_CONNECTIONS, timeout),
        }
    }

    /// The API keys, for lookups and the first key.
    pub(super) fn api_keys(&self) -> PgApiKeys {
        PgApiKeys::new(self.keys.clone()).with_sessions(self.lookups.clone())
    }

    pub(super) fn log(&self, cursor_key: CursorKey) -> PgAuditLog {
        PgAuditLog::new(self.keys.clone(), cursor_key)
            .with_sessions(self.reads.clone())
            .with_sessions_for_written(self.written.clone())
            .with_export_pool(self.exports.clone())
    }

    /// Closes the idle connections; those in use are closed when they are released.
    pub(super) async fn close(&self) {
        tokio::join!(
            self.reads.close(),
            self.exports.close(),
            self.keys.close(),
            self.lookups.close(),
            self.written.close()
        );
    }
}
