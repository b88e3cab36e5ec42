//! The second half of the demonstration: a gateway that records requests, and its records.
//!
//! Two services without an audit log, the example gateway in front of them, and requests through it, also
//! while the audit log is down; then queries for the records of each route. An unexpected response or
//! record fails the demonstration.

mod requests;

use std::time::{Duration, Instant};

use super::{Demo, psql, serve};
use crate::error::{Error, Result};
use crate::service::Service;
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;

use requests::Caller;

const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long the gateway may take to deliver its records.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// The records of the gateway, which have the name of a rule.
const BY_ROUTE: &str = "select metadata #>> '{http,method}' as method, \
           metadata #>> '{http,route}' as route, \
           metadata ->> 'outcome' as outcome, count(*) as records, \
           string_agg(distinct actor_id, ', ') as actors, \
           string_agg(distinct host(ip_address), ', ') as addresses \
      from control_plane.audit_logs \
     where metadata ? 'rule' and created_at >= 'SINCE' group by 1, 2, 3 order by 2, 1, 3";

/// Rules of the example policy, and their numbers of listed records: the deletion has an intent, which is not
/// listed, and an outcome; the first attempt at it, which was refused, has neither.
const EXPECTED: [(&str, usize); 6] = [
    ("access refused", 1),
    ("project created", 1),
    ("project renamed", 2),
    ("project deleted", 1),
    ("invoice created", 1),
    ("invoice paid", 2),
];

/// Two services, the gateway in front of them, and the audit log.
struct Services<'a> {
    demo: &'a Demo,
    log: Service,
    gateway: Service,
    upstreams: Service,
}

pub(super) fn run(workspace: &Workspace, demo: &Demo) -> Result<()> {
    println!("\n# A gateway in front of two services without an audit log\n");
    let build = ["build", "--package", "example-gateway"];
    cargo().args(build).dir(workspace.root()).run()?;
    let since = now(demo)?;
    let services = start(workspace, demo)?;
    let admin = Caller::new(services.gateway.ready("/admin")?);
    let services = send_requests(services, &admin)?;
    let shown = show(demo, &since, &admin);
    services.log.stop()?;
    services.gateway.stop()?;
    services.upstreams.stop()?;
    shown
}

fn start<'a>(workspace: &Workspace, demo: &'a Demo) -> Result<Services<'a>> {
    let programs = workspace.target().join("debug");
    let upstreams = Service::start(Sh::new(programs.join("upstreams")))?;
    let log = serve(demo, "127.0.0.1:0")?;
    let key = demo.dir.join("gateway.key");
    let create = ["key", "create", "--scope", "write", "--name", "gateway", "--expires", "7d"];
    std::fs::write(&key, demo.auditrail().args(create).read()?)
        .map_err(Error::doing("write the gateway's key"))?;
    let gateway = Sh::new(demo.short(&programs.join("gateway")))
        .env("AUDITRAIL_KEY_FILE", demo.short(&key))
        .env("AUDITRAIL_URL", log.ready("/listen")?)
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(["--upstream", &format!("/projects={}", upstreams.ready("/projects")?)])
        .args(["--upstream", &format!("/billing={}", upstreams.ready("/billing")?)])
        .arg("--spool")
        .arg(demo.short(&demo.dir.join("gateway-spool")))
        .dir(workspace.root());
    let gateway = Service::start(gateway.shown())?;
    Ok(Services { demo, log, gateway, upstreams })
}

/// Sends requests while the audit log is up, while it is down, and once it is up again.
fn send_requests<'a>(services: Services<'a>, admin: &Caller) -> Result<Services<'a>> {
    let caller = Caller::new(services.gateway.ready("/listen")?);
    println!();
    caller.send(&requests::LOG_UP)?;
    println!(
        "\n# The audit log is down: requests that must be recorded are refused, other records are spooled"
    );
    let listen = services.log.ready("/listen")?;
    services.log.stop()?;
    caller.send(&requests::LOG_DOWN)?;
    println!("\n# It is up again and receives the spooled records");
    let listen = listen.trim_start_matches("http://");
    let log = serve(services.demo, listen)?;
    println!();
    caller.send(&requests::LOG_UP_AGAIN)?;
    wait_for_delivery(admin)?;
    Ok(Services { log, ..services })
}

/// Waits until the gateway has no pending records.
fn wait_for_delivery(admin: &Caller) -> Result<()> {
    let start = Instant::now();
    while admin.read("/report")?["recorder"]["pending"] != 0 {
        if start.elapsed() > DELIVERY_TIMEOUT {
            return Err(Error::Refused("the gateway has not delivered its records".to_owned()));
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "another process offers no event to wait for"
        )]
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Shows the records, and fails if they are not the expected ones.
fn show(demo: &Demo, since: &str, admin: &Caller) -> Result<()> {
    println!("\n# The records of the gateway, by route");
    psql(demo, &BY_ROUTE.replace("SINCE", since))?;
    println!("\n# One route in full");
    let renamed = ["query", "--metadata", "rule=project renamed", "--since", since];
    demo.auditrail().args(renamed).show_and_run()?;
    for (rule, records) in EXPECTED {
        let rule = format!("rule={rule}");
        let query = ["--json", "query", "--since", since, "--metadata", &rule];
        check(&rule, records, &demo.auditrail().args(query).read()?)?;
    }
    println!("\n# Requests that changed something and match no rule");
    let coverage = &admin.read("/report")?["coverage"];
    println!("\n{coverage:#}");
    if coverage.to_string().contains("/billing/refunds") {
        Ok(())
    } else {
        Err(Error::Refused("the report does not name the refunds".to_owned()))
    }
}

/// Checks the number of records, and that none contains a forged address or the secret.
fn check(rule: &str, expected: usize, records: &str) -> Result<()> {
    let count = records.lines().count();
    if count != expected {
        return Err(Error::Refused(format!("{count} records have {rule}, expected {expected}")));
    }
    match [requests::FORGED_ADDRESS, requests::SECRET]
        .iter()
        .find(|wrong| records.contains(**wrong))
    {
        Some(wrong) => {
            Err(Error::Refused(format!("a record of {rule} contains {wrong}: {records}")))
        }
        None => Ok(()),
    }
}

/// The time of the database, whose clock the records have.
fn now(demo: &Demo) -> Result<String> {
    let sql = "select to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    let now = demo.auditrail().args(["db", "psql", "--", "-A", "-t", "-c", sql]).read()?;
    Ok(now.trim().to_owned())
}
