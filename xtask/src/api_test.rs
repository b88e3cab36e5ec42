//! `cargo xtask api-test`: the running service against its own description.
//!
//! [Schemathesis](https://schemathesis.readthedocs.io) reads `openapi.json`, makes requests that fit
//! it and requests that do not, sends them to a service of our own with a private database, and
//! compares every answer with what the description promises.

use std::path::Path;

use crate::error::{Error, Result};
use crate::service::Service;
use crate::sh::Sh;
use crate::workspace::Workspace;
use crate::{db, postgres, tools};

/// Where the hooks, the pinned packages and the description are.
const CRATE: &str = "crates/auditrail-server";
const HOOKS: &str = "tests/schemathesis/hooks.py";

/// Check the running service against openapi.json with data made from it.
///
/// The data follow from the seed. Another seed finds other things; CI always uses the same, so that
/// an unchanged commit does not turn red.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask api-test
  cargo xtask api-test --seed 7 --examples 500")]
pub(crate) struct Args {
    /// What the data follow from.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Most requests for each call of the interface and each way of making data.
    #[arg(long, default_value_t = 40)]
    examples: u32,
}

impl Args {
    /// What CI runs.
    pub(crate) fn usual() -> Self {
        Self { seed: 1, examples: 40 }
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let schemathesis = tools::schemathesis(workspace)?;
    let home = workspace.root().join(CRATE);
    let scratch = tempfile::tempdir().map_err(Error::doing("make a directory"))?;
    let service = serve(workspace, scratch.path())?;
    let (url, key) = (service.said("/listen")?, service.said("/first_key/key")?);
    let tested = Sh::new(schemathesis)
        .arg("run")
        .arg(home.join("openapi.json"))
        .args(["--url", &url])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .args(["--checks", "all", "--continue-on-failure", "--no-shrink"])
        .args(["--seed", &args.seed.to_string(), "--max-examples", &args.examples.to_string()])
        .quiet_env("SCHEMATHESIS_HOOKS", home.join(HOOKS))
        .dir(scratch.path())
        .read();
    let ended = service.end();
    let said = tested?;
    // The last lines say how much was tried.
    let summary: Vec<_> = said.lines().rev().take_while(|line| !line.contains("SUMMARY")).collect();
    summary.iter().rev().for_each(|line| println!("{line}"));
    // To Schemathesis a key that is refused everywhere is a warning; nothing was tested then.
    match said.contains("Authentication failed") {
        true => Err(Error::Refused("some calls were never answered but with 401 or 403".into())),
        false => ended,
    }
}

/// A service with a private database of its own.
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
        .dir(dir);
    Service::start(service)
}
