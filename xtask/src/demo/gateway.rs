//! The second half of the demonstration: a gateway whose requests leave records, and what it recorded.
//!
//! Two services that know nothing of an audit log, the example gateway in front of them, requests through
//! it, also while the audit log is away; then the log is asked what happened, route by route. An answer
//! that is not the expected one fails the demonstration.

mod requests;

use std::time::{Duration, Instant};

use super::{Demo, psql};
use crate::error::{Error, Result};
use crate::service::Service;
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;

use requests::Caller;

/// How often the gateway is asked whether everything is delivered, and how long at most.
const ASK_EVERY: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(60);

/// The records of the gateway alone: they have the name of a rule.
const BY_ROUTE: &str = "select metadata #>> '{http,method}' as method, \
           metadata #>> '{http,route}' as route, \
           metadata ->> 'outcome' as outcome, count(*) as records, \
           string_agg(distinct actor_id, ', ') as actors, \
           string_agg(distinct host(ip_address), ', ') as addresses \
      from control_plane.audit_logs \
     where metadata ? 'rule' and created_at >= 'SINCE' group by 1, 2, 3 order by 2, 1, 3";

/// Rules of the example's policy, and how many records each leaves: two for the project that was deleted
/// at the second attempt, and none for the first, which was refused.
const EXPECTED: [(&str, usize); 6] = [
    ("access refused", 1),
    ("project created", 1),
    ("project renamed", 2),
    ("project deleted", 2),
    ("invoice created", 1),
    ("invoice paid", 2),
];

/// What runs: two services, the gateway before them, and the audit log.
struct Stage<'a> {
    demo: &'a Demo,
    log: Service,
    gateway: Service,
    upstreams: Service,
}

pub(super) fn run(workspace: &Workspace, demo: &Demo) -> Result<()> {
    println!("\n# A gateway in front of two services that know nothing of an audit log");
    let build = ["build", "--quiet", "--package", "example-gateway"];
    cargo().args(build).dir(workspace.root()).run()?;
    let since = now(demo)?;
    let stage = start(workspace, demo)?;
    let operations = Caller::new(stage.gateway.said("/admin")?);
    let log = through(stage, &operations)?;
    let shown = show(demo, &since, &operations);
    log.log.end()?;
    log.gateway.end()?;
    log.upstreams.end()?;
    shown
}

fn start<'a>(workspace: &Workspace, demo: &'a Demo) -> Result<Stage<'a>> {
    let programs = workspace.target().join("debug");
    let upstreams = Service::start(Sh::new(programs.join("upstreams")))?;
    let log = serve(demo, "127.0.0.1:0")?;
    let key = demo.dir.join("gateway.key");
    let create = ["key", "create", "--scope", "write", "--name", "gateway", "--expires", "7d"];
    let made = demo.auditrail().args(create).read()?;
    std::fs::write(&key, made).map_err(Error::doing("write the gateway's key"))?;
    let gateway = Sh::new(demo.short(&programs.join("gateway")))
        .env("AUDITRAIL_KEY_FILE", demo.short(&key))
        .env("AUDITRAIL_URL", log.said("/listen")?)
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(["--upstream", &format!("/projects={}", upstreams.said("/projects")?)])
        .args(["--upstream", &format!("/billing={}", upstreams.said("/billing")?)])
        .arg("--spool")
        .arg(demo.short(&demo.dir.join("gateway-spool")))
        .dir(workspace.root());
    let gateway = Service::start(gateway.shown())?;
    Ok(Stage { demo, log, gateway, upstreams })
}

fn serve(demo: &Demo, listen: &str) -> Result<Service> {
    let serve = ["serve", "--json", "--quiet", "--listen", listen, "--admin-listen", "127.0.0.1:0"];
    Service::start(demo.auditrail().args(serve).quiet_env("AUDITRAIL_LOG", "error").shown())
}

/// Sends the requests: while all is well, while the audit log is away, and once it is back.
fn through<'a>(stage: Stage<'a>, operations: &Caller) -> Result<Stage<'a>> {
    let caller = Caller::new(stage.gateway.said("/listen")?);
    println!();
    caller.send(&requests::USUAL)?;
    println!(
        "\n# The audit log goes away: what must be recorded is refused, the rest waits on disk"
    );
    let listen = stage.log.said("/listen")?;
    stage.log.end()?;
    caller.send(&requests::ALONE)?;
    println!("\n# It is back, and gets what waited");
    let listen = listen.trim_start_matches("http://");
    let log = serve(stage.demo, listen)?;
    println!();
    caller.send(&requests::AGAIN)?;
    delivered(operations)?;
    Ok(Stage { log, ..stage })
}

/// Waits until nothing waits in the gateway any more.
fn delivered(operations: &Caller) -> Result<()> {
    let began = Instant::now();
    while operations.read("/report")?["recorder"]["pending"] != 0 {
        if began.elapsed() > PATIENCE {
            return Err(Error::Refused("records still wait in the gateway".to_owned()));
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "another program offers no event to wait for"
        )]
        std::thread::sleep(ASK_EVERY);
    }
    Ok(())
}

/// Shows what was recorded, and fails where it is not what was to be recorded.
fn show(demo: &Demo, since: &str, operations: &Caller) -> Result<()> {
    println!("\n# What the gateway recorded, route by route");
    psql(demo, &BY_ROUTE.replace("SINCE", since))?;
    println!("\n# One route, with all that its records hold");
    let renamed = ["query", "--metadata", "rule=project renamed", "--since", since];
    demo.auditrail().args(renamed).show_and_run()?;
    for (rule, records) in EXPECTED {
        let rule = format!("rule={rule}");
        let query = ["--json", "query", "--since", since, "--metadata", &rule];
        check(&rule, records, &demo.auditrail().args(query).read()?)?;
    }
    println!("\n# What no rule is about, and yet changed something");
    let coverage = &operations.read("/report")?["coverage"];
    println!("\n{coverage:#}");
    match coverage.to_string().contains("/billing/refunds") {
        true => Ok(()),
        false => Err(Error::Refused("the report does not name the refunds".to_owned())),
    }
}

/// As many records as there should be, from where they really came, and without the secret.
fn check(rule: &str, expected: usize, records: &str) -> Result<()> {
    let found = records.lines().count();
    if found != expected {
        return Err(Error::Refused(format!("{found} records have {rule}, not {expected}")));
    }
    match [requests::CLAIMED, requests::SECRET].iter().find(|wrong| records.contains(**wrong)) {
        Some(wrong) => Err(Error::Refused(format!("a record of {rule} holds {wrong}: {records}"))),
        None => Ok(()),
    }
}

/// The time of the database, which is that of the records.
fn now(demo: &Demo) -> Result<String> {
    let sql = "select to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
    let now = demo.auditrail().args(["db", "psql", "--", "-A", "-t", "-c", sql]).read()?;
    Ok(now.trim().to_owned())
}
