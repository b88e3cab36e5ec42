//! `completions`: a script for a shell.

use clap::CommandFactory;

use super::Context;
use crate::cli::{Cli, CompletionsArgs};
use crate::error::Error;
use crate::exit::Exit;

/// Prints the script.
pub(super) fn run(cx: &Context, args: &CompletionsArgs) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "auditrail", &mut script);
    cx.output.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
