//! `cargo xtask bench`: forwards to the program in `bench/`.
//! (a package of its own, because xtask is compiled first on a fresh machine and must stay light).

use std::ffi::OsString;

use crate::error::Result;
use crate::sh::cargo;
use crate::workspace::Workspace;

/// Measure, as a ratio against a peer in the same run.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Passed on; see `cargo xtask bench --help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    cargo()
        .args(["run", "--release", "--package", "auditrail-bench", "--"])
        .args(&args.args)
        .dir(workspace.root())
        .run()
}
