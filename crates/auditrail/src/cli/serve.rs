//! Arguments of `serve`.

use clap::Args;

/// Serves the audit log over HTTP
///
/// Records that arrive together are committed together; each is on disk when it is acknowledged.
/// Nothing is answered without an API key: make one with `auditrail key create`. The first serve on
/// an empty private PostgreSQL makes a key with every scope itself, and prints it once.
///
/// /livez, /readyz and /metrics are on the admin address, without keys. SIGTERM or Ctrl-C ends the
/// service once what is under way is answered; a second one ends it at once. `auditrail config show`
/// prints every setting.
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:
  auditrail serve
  auditrail serve --migrate --database-url postgres://auditrail@db/app
  curl -H \"Authorization: Bearer $KEY\" 'http://127.0.0.1:8080/v1/audit-logs?limit=10'
  curl http://127.0.0.1:9090/readyz")]
pub(crate) struct ServeArgs {
    /// Where to answer [env: AUDITRAIL_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Where health and metrics are [env: AUDITRAIL_ADMIN_LISTEN] [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin_listen: Option<String>,
    /// Applies pending migrations first; the private PostgreSQL is always migrated
    #[arg(long)]
    pub(crate) migrate: bool,
}
