//! `cargo xtask client-test`: the TypeScript client against the real service.

use crate::error::Result;
use crate::node::Node;
use crate::postgres;
use crate::sh::cargo;
use crate::workspace::Workspace;

/// Where the package is.
const PACKAGE: &str = "clients/typescript";

/// Installs what the package's lock file says, looks for drift from openapi.json, lints, builds and
/// tests it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let postgres = postgres::ensure(workspace)?;
    let node = Node::ensure(workspace)?;
    let build = ["build", "--quiet", "--package", "auditrail"];
    cargo().args(build).dir(workspace.root()).run()?;
    node.sh("npm")
        .args(["run", "--silent", "ci"])
        .dir(&workspace.root().join(PACKAGE))
        .env("AUDITRAIL_BIN", workspace.target().join("debug/auditrail"))
        .env(postgres::BIN, &postgres.bin)
        .quietly()
}
