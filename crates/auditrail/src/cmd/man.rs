//! `man`: manual pages.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::{Cli, ManArgs};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;

/// Prints the top-level page, or writes all pages to a directory.
pub(super) fn run(output: Output, args: &ManArgs) -> Result<Exit, Error> {
    match &args.output {
        None => {
            let mut page = Vec::new();
            Man::new(command()).render(&mut page).map_err(Error::stdout)?;
            output.text(&String::from_utf8_lossy(&page))?;
        }
        Some(dir) => write_all(output, dir)?,
    }
    Ok(Exit::Success)
}

/// Without `help`, which has no page of its own.
fn command() -> Command {
    Cli::command().disable_help_subcommand(true)
}

fn write_all(output: Output, dir: &Path) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(Error::io("create the directory", dir))?;
    clap_mangen::generate_to(command(), dir).map_err(Error::io("write the manual to", dir))?;
    output.note(&format!("wrote the manual to {}", dir.display()));
    Ok(())
}
