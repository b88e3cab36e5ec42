//! `cargo xtask test`: set-up, then every test.

use crate::error::Result;
use crate::sh::cargo;
use crate::workspace::Workspace;
use crate::{postgres, tools};

/// Run every test, after setting up what they need.
///
/// Finds or installs PostgreSQL 15 or newer; finds cargo-nextest, or installs it under target/tools;
/// then runs the tests of all crates and the examples in their documentation.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask test                          everything
  cargo xtask test -- -p auditrail-core     one crate
  cargo xtask test -- migrate               tests with `migrate` in their name")]
pub(crate) struct Args {
    /// Arguments of `cargo nextest run`; without them examples in documentation run too.
    #[arg(last = true)]
    rest: Vec<String>,
    /// The profile of nextest, in `.config/nextest.toml`.
    #[arg(skip = "default")]
    profile: &'static str,
}

impl Args {
    /// The options of CI.
    pub(crate) fn all() -> Self {
        Self { rest: Vec::new(), profile: "ci" }
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let postgres = postgres::ensure(workspace)?;
    println!("{postgres}");
    let runner: &[&str] = if tools::nextest(workspace) {
        &["nextest", "run", "--profile", args.profile]
    } else {
        &["test", "--lib", "--bins", "--tests"]
    };
    let scope: &[&str] = if chooses_packages(&args.rest) { &[] } else { &["--workspace"] };
    tools::here(workspace, cargo())
        .args(runner)
        .args(scope)
        .args(&args.rest)
        .env(postgres::BIN, &postgres.bin)
        .env(postgres::BIN_OF_SUPERVISOR_TESTS, &postgres.bin)
        .show_and_run()?;
    if args.rest.is_empty() {
        cargo().args(["test", "--doc", "--workspace"]).dir(workspace.root()).show_and_run()?;
    }
    Ok(())
}

/// Cargo refuses a package next to `--workspace`.
fn chooses_packages(rest: &[String]) -> bool {
    rest.iter().any(|arg| arg.starts_with("-p") || arg.starts_with("--package"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_argument_replaces_workspace() {
        for args in [["-p", "x"], ["--package=x", "y"], ["-px", "y"]] {
            assert!(chooses_packages(&args.map(str::to_owned)), "{args:?}");
        }
        assert!(!chooses_packages(&["migrate".to_owned()]));
    }
}
