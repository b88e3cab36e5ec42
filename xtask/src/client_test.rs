//! `cargo xtask client-test`: the TypeScript client against the real service.

use crate::error::Result;
use crate::node::Node;
use crate::postgres;
use crate::sh::cargo;
use crate::workspace::Workspace;

const PACKAGE: &str = "clients/typescript";
/// Timeout of all checks of the package; they take five minutes.
const TIMEOUT_SECONDS: &str = "1500";

/// Installs the locked dependencies, checks the types against openapi.json, lints, builds and tests.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let postgres = postgres::ensure(workspace)?;
    let node = Node::ensure(workspace)?;
    let build = ["build", "--package", "auditrail"];
    cargo().args(build).dir(workspace.root()).run()?;
    node.sh_within(TIMEOUT_SECONDS, "npm")
        .args(["run", "--silent", "ci"])
        .dir(&workspace.root().join(PACKAGE))
        .env("AUDITRAIL_BIN", workspace.target().join("debug/auditrail"))
        .env(postgres::BIN, &postgres.bin)
        .quietly()
}
