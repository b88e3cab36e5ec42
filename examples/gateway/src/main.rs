//! The example gateway as a program.

use std::error::Error;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use auditrail_client::{Client, Recorder, RecorderConfig};
use auditrail_tower::{AuditLayer, Policy};
use clap::Parser;
use example_gateway::callers::{self, Callers};
use example_gateway::proxy::{Proxy, Upstream};
use example_gateway::{nodelay, operations, router, shutdown_signal};
use tokio::net::TcpListener;

/// Timeout to deliver the backlog after the last response.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of requests that must be recorded.
const MUST_TIMEOUT: Duration = Duration::from_secs(2);

const AFTER_HELP: &str = "\
AUDITRAIL_URL is the URL of the audit log, AUDITRAIL_KEY or AUDITRAIL_KEY_FILE the API key for writing.

Example:
  AUDITRAIL_URL=http://127.0.0.1:8080 AUDITRAIL_KEY_FILE=gateway.key \\
    gateway --upstream /projects=http://127.0.0.1:9001 --upstream /billing=http://127.0.0.1:9002";

/// A reverse proxy that records requests in an audit log
#[derive(Debug, Parser)]
#[command(after_help = AFTER_HELP)]
struct Args {
    /// Address of the gateway.
    #[arg(long, default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// Address of /report.
    #[arg(long, default_value = "127.0.0.1:8001")]
    admin_listen: SocketAddr,
    /// A path prefix and the URL of its service; may be repeated. The first match is used.
    #[arg(long = "upstream", value_name = "/PREFIX=URL", required = true)]
    upstreams: Vec<Upstream>,
    /// The policy file.
    #[arg(long, default_value = "examples/gateway/audit.toml")]
    policy: PathBuf,
    /// The file of known callers.
    #[arg(long, default_value = "examples/gateway/callers.toml")]
    callers: PathBuf,
    /// Spool directory for records while the audit log is unavailable; used by this process only.
    #[arg(long, default_value = "audit-spool")]
    spool: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let colour = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(colour).init();
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", with_sources(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let policy = Policy::load(&args.policy)?;
    let callers = Callers::load(&args.callers)?;
    let config = RecorderConfig::new().spool(&args.spool).must_timeout(MUST_TIMEOUT);
    let recorder = Recorder::open(Client::from_env()?, config).await?;
    let audit = AuditLayer::new(policy, recorder.clone())?.actor(callers::principal);
    let operations = operations(audit.clone(), recorder.clone());
    let gateway = router(audit, callers, Proxy::new(args.upstreams));

    let public = bind(args.listen).await?;
    let admin = bind(args.admin_listen).await?;
    print_addresses(&public, &admin)?;
    let gateway = gateway.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(nodelay(public), gateway).with_graceful_shutdown(shutdown_signal());
    tokio::select! {
        result = server.into_future() => result?,
        result = axum::serve(nodelay(admin), operations).into_future() => result?,
    }
    let summary = recorder.close(FLUSH_TIMEOUT).await;
    tracing::info!(delivered = summary.delivered, pending = summary.pending, "stopped");
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// The error and its sources.
fn with_sources(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Prints the addresses as one line of JSON, for ports chosen by the system.
fn print_addresses(public: &TcpListener, admin: &TcpListener) -> std::io::Result<()> {
    let listen = format!("http://{}", public.local_addr()?);
    let admin = format!("http://{}", admin.local_addr()?);
    writeln!(std::io::stdout(), "{}", serde_json::json!({ "listen": listen, "admin": admin }))
}
