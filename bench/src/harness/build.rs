//! Building other programs with optimisation.

use std::path::PathBuf;

use xtask::error::Result;
use xtask::sh::cargo;
use xtask::workspace::Workspace;

/// Builds the program `auditrail`, and says where it is.
pub(crate) fn auditrail(workspace: &Workspace) -> Result<PathBuf> {
    release(workspace, "auditrail", "auditrail")
}

/// Builds another binary of this package, and says where it is.
pub(crate) fn bench(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    release(workspace, "auditrail-bench", name)
}

fn release(workspace: &Workspace, package: &str, name: &str) -> Result<PathBuf> {
    let build = ["build", "--release", "--package", package, "--bin", name];
    cargo().args(build).dir(workspace.root()).run()?;
    Ok(workspace.target().join("release").join(name))
}
