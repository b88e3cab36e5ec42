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
use example_gateway::{nodelay, operations, router, told_to_end};
use tokio::net::TcpListener;

/// How long the records that wait may take to get in once the last request is answered.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// How long a request that must be recorded waits for the audit log.
const MUST_WITHIN: Duration = Duration::from_secs(2);

const AFTER_HELP: &str = "\
AUDITRAIL_URL names the audit log, AUDITRAIL_KEY or AUDITRAIL_KEY_FILE the key to write with.

Example:
  AUDITRAIL_URL=http://127.0.0.1:8080 AUDITRAIL_KEY_FILE=gateway.key \\
    gateway --upstream /projects=http://127.0.0.1:9001 --upstream /billing=http://127.0.0.1:9002";

/// A reverse proxy whose requests leave audit records
#[derive(Debug, Parser)]
#[command(after_help = AFTER_HELP)]
struct Args {
    /// Where to answer.
    #[arg(long, default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// Where /metrics and /coverage are.
    #[arg(long, default_value = "127.0.0.1:8001")]
    admin_listen: SocketAddr,
    /// A prefix of paths and who is behind it; may be repeated. The first that fits is asked.
    #[arg(long = "upstream", value_name = "/PREFIX=URL", required = true)]
    upstreams: Vec<Upstream>,
    /// Which requests leave which records.
    #[arg(long, default_value = "examples/gateway/audit.toml")]
    policy: PathBuf,
    /// Whom the gateway knows.
    #[arg(long, default_value = "examples/gateway/callers.toml")]
    callers: PathBuf,
    /// Where records wait while the audit log is away: a directory of this process alone.
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
            tracing::error!("{}", told(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let policy = Policy::load(&args.policy)?;
    let callers = Callers::load(&args.callers)?;
    let config = RecorderConfig::new().spool(&args.spool).must_timeout(MUST_WITHIN);
    let recorder = Recorder::open(Client::from_env()?, config).await?;
    let audit = AuditLayer::new(policy, recorder.clone())?.actor(callers::principal);
    let operations = operations(audit.clone(), recorder.clone());
    let gateway = router(audit, callers, Proxy::new(args.upstreams));

    let public = bind(args.listen).await?;
    let admin = bind(args.admin_listen).await?;
    say_where(&public, &admin)?;
    let gateway = gateway.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(nodelay(public), gateway).with_graceful_shutdown(told_to_end());
    tokio::select! {
        served = served.into_future() => served?,
        served = axum::serve(nodelay(admin), operations).into_future() => served?,
    }
    let flushed = recorder.close(FLUSH_WITHIN).await;
    tracing::info!(delivered = flushed.delivered, pending = flushed.pending, "ended");
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// An error with its causes.
fn told(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// One line of JSON, for who starts us with a port of 0.
fn say_where(public: &TcpListener, admin: &TcpListener) -> std::io::Result<()> {
    let listen = format!("http://{}", public.local_addr()?);
    let admin = format!("http://{}", admin.local_addr()?);
    writeln!(std::io::stdout(), "{}", serde_json::json!({ "listen": listen, "admin": admin }))
}
