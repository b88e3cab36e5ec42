//! `cargo xtask client-test`: the TypeScript client against the real service.

use crate::error::Result;
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;
use crate::{node, postgres};

/// Where the package is.
const PACKAGE: &str = "clients/typescript";

/// Installs what the package's lock file says, looks for drift from openapi.json, lints, builds and
/// tests it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let postgres = postgres::ensure(workspace)?;
    let node = node::ensure(workspace)?;
    let build = ["build", "--quiet", "--package", "auditrail"];
    cargo().args(build).dir(workspace.root()).run()?;
    let npm = Sh::new("npm").args(["run", "--silent", "ci"]).dir(&workspace.root().join(PACKAGE));
    let npm = match &node {
        Some(bin) => npm.path_first(bin),
        None => npm,
    };
    npm.env("AUDITRAIL_BIN", workspace.target().join("debug/auditrail"))
        .env(postgres::BIN, &postgres.bin)
        .quietly()
}
