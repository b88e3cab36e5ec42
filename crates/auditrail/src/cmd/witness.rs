//! `witness`: a witness of transparency logs, without a database and without settings.

mod create_key;
mod keys;
mod serve;
mod status;

use crate::cli::WitnessCommand;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;

/// Runs the subcommand.
pub(super) fn run(output: Output, command: &WitnessCommand) -> Result<Exit, Error> {
    match command {
        WitnessCommand::CreateKey(args) => create_key::run(output, args),
        WitnessCommand::Serve(args) => serve::run(output, args),
        WitnessCommand::Status(args) => status::run(output, args),
    }
}
