//! Cargo subcommands that a machine may lack, at versions that are known to work.

use std::fs;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;

/// Runs the tests. Any version on the machine will do.
const NEXTEST: &str = "0.9.143";

/// Checks licences and sources. Its rules change between releases, so only this one is used.
const DENY: &str = "0.20.2";

/// Tries the service with data made from its description. What it makes changes between releases.
const SCHEMATHESIS: &str = "crates/auditrail-server/tests/schemathesis/requirements.txt";

/// Whether `cargo nextest` can be run; tries to install it when it cannot.
pub(crate) fn nextest(workspace: &Workspace) -> bool {
    let ready = || here(workspace, cargo()).args(["nextest", "--version"]).works();
    if ready() {
        return true;
    }
    println!("cargo-nextest {NEXTEST} is not installed; installing it under target/tools");
    let version = ["install", "cargo-nextest", "--locked", "--version", NEXTEST];
    match cargo().args(version).arg("--root").arg(workspace.tools()).run() {
        Ok(()) => ready(),
        Err(error) => {
            eprintln!("warning: {error}; `cargo test` is used instead");
            false
        }
    }
}

/// `cargo deny` at the pinned version, installed when it is missing.
pub(crate) fn deny(workspace: &Workspace) -> Result<PathBuf> {
    let program = workspace.tools().join("bin/cargo-deny");
    let said =
        if program.exists() { Sh::new(&program).arg("--version").read()? } else { String::new() };
    if !said.trim().ends_with(DENY) {
        println!("installing cargo-deny {DENY} under target/tools (a few minutes, once)");
        cargo()
            .args([
                "install",
                "cargo-deny",
                // It runs for a second and takes minutes to build with optimisation.
                "--debug",
                "--locked",
                "--no-default-features",
                "--force",
            ])
            .args(["--version", DENY, "--root"])
            .arg(workspace.tools())
            .quietly()?;
    }
    Ok(program)
}

/// Schemathesis at the pinned version, in a Python environment of its own.
pub(crate) fn schemathesis(workspace: &Workspace) -> Result<PathBuf> {
    let pinned = workspace.root().join(SCHEMATHESIS);
    let home = workspace.tools().join("schemathesis");
    let (program, installed) = (home.join("bin/schemathesis"), home.join("installed.txt"));
    let wanted = fs::read(&pinned).map_err(Error::doing(format!("read {SCHEMATHESIS}")))?;
    // Written last, so that what an interrupted installation left is not taken for a whole one.
    if program.exists() && fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(program);
    }
    println!("installing Schemathesis under target/tools (half a minute, once)");
    Sh::new("python3").args(["-m", "venv", "--clear"]).arg(&home).quietly()?;
    Sh::new(home.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .arg("--requirement")
        .arg(&pinned)
        .quietly()?;
    fs::write(&installed, wanted).map_err(Error::doing("note what is installed"))?;
    Ok(program)
}

/// The command in the workspace, finding first the tools that were installed for it.
pub(crate) fn here(workspace: &Workspace, command: Sh) -> Sh {
    command.dir(workspace.root()).path_first(&workspace.tools().join("bin"))
}
