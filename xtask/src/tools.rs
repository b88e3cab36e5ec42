//! Tools at tested versions, installed under `target/tools` when missing.

use std::fs;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;

/// Runs the tests; any installed version works.
const NEXTEST: &str = "0.9.143";

/// Checks licences and sources. Pinned, because its rules change between releases.
const DENY: &str = "0.20.2";

/// Generates requests from openapi.json. Pinned, because the generator changes between releases.
const SCHEMATHESIS: &str = "crates/auditrail-server/tests/schemathesis/requirements.txt";

/// Installs cargo-nextest unless it is there; whether it can be run.
pub(crate) fn nextest(workspace: &Workspace) -> bool {
    let is_ready = || here(workspace, cargo()).args(["nextest", "--version"]).works();
    if is_ready() {
        return true;
    }
    println!("cargo-nextest {NEXTEST} is not installed; installing it under target/tools");
    let install = ["install", "cargo-nextest", "--locked", "--version", NEXTEST];
    match cargo().args(install).arg("--root").arg(workspace.tools()).run() {
        Ok(()) => is_ready(),
        Err(error) => {
            eprintln!("warning: {error}; `cargo test` is used instead");
            false
        }
    }
}

/// `cargo deny` at the pinned version, installed if missing.
pub(crate) fn deny(workspace: &Workspace) -> Result<PathBuf> {
    let program = workspace.tools().join("bin/cargo-deny");
    let version =
        if program.exists() { Sh::new(&program).arg("--version").read()? } else { String::new() };
    if !version.trim().ends_with(DENY) {
        println!("installing cargo-deny {DENY} under target/tools (a few minutes, once)");
        cargo()
            .args([
                "install",
                "cargo-deny",
                // Runs for a second; an optimised build takes minutes.
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

/// Schemathesis at the pinned version, in a virtual environment.
pub(crate) fn schemathesis(workspace: &Workspace) -> Result<PathBuf> {
    let pinned = workspace.root().join(SCHEMATHESIS);
    let home = workspace.tools().join("schemathesis");
    let (program, installed) = (home.join("bin/schemathesis"), home.join("installed.txt"));
    let requirements = fs::read(&pinned).map_err(Error::doing(format!("read {SCHEMATHESIS}")))?;
    // Written last, so that an interrupted installation is repeated.
    if program.exists() && fs::read(&installed).is_ok_and(|versions| versions == requirements) {
        return Ok(program);
    }
    println!("installing Schemathesis under target/tools (half a minute, once)");
    Sh::new("python3").args(["-m", "venv", "--clear"]).arg(&home).quietly()?;
    Sh::new(home.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .arg("--requirement")
        .arg(&pinned)
        .quietly()?;
    fs::write(&installed, requirements).map_err(Error::doing("write installed.txt"))?;
    Ok(program)
}

/// The command in the workspace, with installed tools first on `PATH`.
pub(crate) fn here(workspace: &Workspace, command: Sh) -> Sh {
    command.dir(workspace.root()).path_first(&workspace.tools().join("bin"))
}
