//! `cargo xtask ci`: all checks of CI, which runs nothing else.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;
use crate::{api_test, client_test, demo, docs_test, go_test, test, tidy, tools};

/// Timeout of downloading the advisory database.
const ADVISORIES_SECONDS: &str = "120";

/// Run all checks: format, lints, docs, dependencies, tidiness, tests.
///
/// Stops at the first failure. Of a check that passes only the duration is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also check the dependencies against the advisory database.
    ///
    /// Off by default: the result must depend on the commit alone, and must not need a network.
    #[arg(long)]
    advisories: bool,
}

type Step = (&'static str, fn(&Workspace) -> Result<()>);

const STEPS: [Step; 11] = [
    ("fmt", fmt),
    ("tidy", tidy::run),
    ("clippy", clippy),
    ("doc", doc),
    ("deny", deny),
    ("test", |workspace| test::run(workspace, &test::Args::all())),
    ("api-test", |workspace| api_test::run(workspace, &api_test::Args::ci())),
    ("client-test", client_test::run),
    ("go-test", go_test::run),
    ("docs-test", docs_test::run),
    ("demo", |workspace| demo::run(workspace, &demo::Args::all())),
];

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut steps = STEPS.to_vec();
    if args.advisories {
        steps.push(("advisories", advisories));
    }
    let mut done: Vec<(&str, Duration)> = Vec::new();
    for (name, step) in steps {
        println!("== {name}");
        let start = Instant::now();
        if let Err(error) = step(workspace) {
            println!("== {name} FAILED after {:.1} s", start.elapsed().as_secs_f64());
            summary(&done);
            return Err(error);
        }
        println!("== {name} passed in {:.1} s", start.elapsed().as_secs_f64());
        done.push((name, start.elapsed()));
    }
    summary(&done);
    println!("all checks passed");
    Ok(())
}

fn summary(done: &[(&str, Duration)]) {
    println!("\n{:<12} seconds", "passed");
    for (name, took) in done {
        println!("{name:<12} {:>7.1}", took.as_secs_f64());
    }
}

fn fmt(workspace: &Workspace) -> Result<()> {
    cargo().args(["fmt", "--all", "--check"]).dir(workspace.root()).quietly()
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let args = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    cargo().args(args).dir(workspace.root()).quietly()
}

fn doc(workspace: &Workspace) -> Result<()> {
    let args = ["doc", "--workspace", "--no-deps", "--quiet"];
    cargo().args(args).env("RUSTDOCFLAGS", "-D warnings").dir(workspace.root()).quietly()
}

/// Works offline: dependencies are in Cargo.lock, licences in their sources.
fn deny(workspace: &Workspace) -> Result<()> {
    let deny = Sh::new(tools::deny(workspace)?).dir(workspace.root());
    deny.args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]).quietly()
}

fn advisories(workspace: &Workspace) -> Result<()> {
    let checked = Sh::within(ADVISORIES_SECONDS, tools::deny(workspace)?)
        .args(["check", "advisories"])
        .dir(workspace.root())
        .quietly();
    checked.map_err(|error| {
        Error::Refused(format!(
            "{error}; a dependency has an advisory (see above), or the database could not be \
             fetched in {ADVISORIES_SECONDS} s"
        ))
    })
}
