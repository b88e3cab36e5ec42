//! Arguments of `serve`.

use std::path::PathBuf;

use clap::Args;

/// Serve the audit log over HTTP
///
/// Concurrent writes are committed in groups; a record is on disk before it is acknowledged. Every
/// request needs an API key: create one with `auditrail key create`. The first start on an empty
/// private PostgreSQL creates a key with every scope and prints it once.
///
/// /livez, /readyz and /metrics are served on the admin address, without authentication. SIGTERM or
/// Ctrl-C shuts the service down gracefully; a second one stops it immediately. `auditrail config
/// show` prints every setting.
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:
  auditrail serve
  auditrail serve --migrate --database-url postgres://auditrail@db/app
  curl -H \"Authorization: Bearer $KEY\" 'http://127.0.0.1:8080/v1/audit-logs?limit=10'
  curl http://127.0.0.1:9090/readyz")]
pub(crate) struct ServeArgs {
    /// Address of the public listener; a name is resolved [env: AUDITRAIL_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Address of the admin listener [env: AUDITRAIL_ADMIN_LISTEN] [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin_listen: Option<String>,
    /// Archive expired records in this directory before they are removed [env: AUDITRAIL_ARCHIVE_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) archive_dir: Option<PathBuf>,
    /// Sign checkpoints of the transparency log with the key in this file, which `auditrail log-key create` makes
    /// [env: AUDITRAIL_SIGNING_KEY_FILE] [default: a key of the private PostgreSQL; none with a database URL]
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_key_file: Option<PathBuf>,
    /// Apply pending migrations first; the private PostgreSQL is always migrated
    #[arg(long)]
    pub(crate) migrate: bool,
}
