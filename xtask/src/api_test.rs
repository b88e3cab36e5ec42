//! `cargo xtask api-test`: the running service against `openapi.json`.
//!
//! [Schemathesis](https://schemathesis.readthedocs.io) generates valid and invalid requests from the
//! description, sends them to a service with a private database, and checks the responses against it.

use std::path::Path;

use crate::error::{Error, Result};
use crate::service::Service;
use crate::sh::Sh;
use crate::workspace::Workspace;
use crate::{db, postgres, tools};

/// Has the hooks, the pinned packages and the description.
const CRATE: &str = "crates/auditrail-server";
const HOOKS: &str = "tests/schemathesis/hooks.py";
/// Its response does not end by itself; the tests of the server read it.
const ENDLESS: &str = "/v1/audit-logs/tail";
/// A feed waits for new records for at most half of it.
const REQUEST_TIMEOUT: &str = "4s";

/// Check the running service against openapi.json with generated requests.
///
/// The requests depend only on the seed. CI always uses the same one, so that its result depends on the
/// commit alone; other seeds find other bugs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask api-test
  cargo xtask api-test --seed 7 --examples 500")]
pub(crate) struct Args {
    /// Seed of the generated requests.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Maximum number of requests for each operation and phase.
    #[arg(long, default_value_t = 40)]
    examples: u32,
}

impl Args {
    /// The options of CI.
    pub(crate) fn ci() -> Self {
        Self { seed: 1, examples: 40 }
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let schemathesis = tools::schemathesis(workspace)?;
    let home = workspace.root().join(CRATE);
    let scratch = tempfile::tempdir().map_err(Error::doing("create a directory"))?;
    let service = serve(workspace, scratch.path())?;
    let url = service.ready("/listen")?;
    let key = service.ready("/first_key/key")?;
    let output = Sh::new(schemathesis)
        .arg("run")
        .arg(home.join("openapi.json"))
        .args(["--url", &url])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .args(["--exclude-path", ENDLESS, "--request-timeout", "30"])
        .args(["--checks", "all", "--continue-on-failure", "--no-shrink"])
        .args(["--seed", &args.seed.to_string(), "--max-examples", &args.examples.to_string()])
        .quiet_env("SCHEMATHESIS_HOOKS", home.join(HOOKS))
        .dir(scratch.path())
        .read();
    let stopped = service.stop();
    let output = output?;
    // The last lines say how much was tested.
    let summary: Vec<_> =
        output.lines().rev().take_while(|line| !line.contains("SUMMARY")).collect();
    summary.iter().rev().for_each(|line| println!("{line}"));
    // Schemathesis only warns when every request is unauthorized, although nothing was tested then.
    if output.contains("Authentication failed") {
        Err(Error::Refused("some operations returned only 401 or 403".into()))
    } else {
        stopped
    }
}

/// A service with a private database.
fn serve(workspace: &Workspace, dir: &Path) -> Result<Service> {
    let postgres = postgres::ensure(workspace)?;
    let service = Sh::new(db::build(workspace)?)
        .args(["serve", "--json", "--quiet"])
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(dir.join("data"))
        .without_env("DATABASE_URL")
        .quiet_env(postgres::BIN, &postgres.bin)
        .quiet_env("AUDITRAIL_LOG", "error")
        .quiet_env("AUDITRAIL_REQUEST_TIMEOUT", REQUEST_TIMEOUT)
        .dir(dir);
    Service::start(service)
}
