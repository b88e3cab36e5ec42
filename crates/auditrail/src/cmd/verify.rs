//! `verify`: verifies proofs, packs and logs, without a database and without settings, and a database.

mod consistency;
mod db;
mod ids;
mod input;
mod log;
mod pack;
mod proof;
mod source;
mod tree;

use crate::cli::VerifyCommand;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;

pub(super) use db::run as run_db;

/// Runs the subcommand.
pub(super) fn run(output: Output, command: &VerifyCommand) -> Result<Exit, Error> {
    match command {
        VerifyCommand::Db(_) => Err(Error::Usage("verify db needs a database".to_owned())),
        VerifyCommand::Proof(args) => proof::run(output, args),
        VerifyCommand::Pack(args) => pack::run(output, args),
        VerifyCommand::Log(args) => log::run(output, args),
        VerifyCommand::Consistency(args) => consistency::run(output, args),
    }
}
