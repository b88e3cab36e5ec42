//! The commands, one file each.

mod archive;
mod completions;
mod config;
mod db;
mod erase;
mod evidence;
mod export;
mod filters;
mod flags;
mod hold;
mod import;
mod key;
mod log;
mod log_key;
mod man;
mod migrate;
mod partition;
mod query;
mod record_view;
mod retention;
mod sequence;
mod serve;
mod show;
mod stats;
mod tail;
mod verify;
mod witness;

use crate::cli::{Command, EvidenceCommand, GlobalArgs, VerifyCommand};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;

/// Runs a command.
pub(crate) fn run(cx: &Context, flags: &GlobalArgs, command: &Command) -> Result<Exit, Error> {
    match command {
        Command::Serve(args) => serve::run(cx, flags, args),
        Command::Migrate(args) => migrate::run(cx, args),
        Command::Partition(command) => partition::run(cx, command),
        Command::Log(args) => log::run(cx, args),
        Command::Query(args) => query::run(cx, args),
        Command::Show(args) => show::run(cx, args),
        Command::Stats(args) => stats::run(cx, args),
        Command::Tail(args) => tail::run(cx, args),
        Command::Export(args) => export::run(cx, args),
        Command::Import(args) => import::run(cx, args),
        Command::Sequence(args) => sequence::run(cx, args),
        Command::Retention(command) => retention::run(cx, flags, command),
        Command::Archive(command) => archive::run(cx, command),
        Command::Hold(command) => hold::run(cx, command),
        Command::Erase(args) => erase::run(cx, args),
        Command::LogKey(command) => log_key::run(cx, flags, command),
        Command::Key(command) => key::run(cx, command),
        Command::Db(command) => db::run(cx, command),
        Command::Config(command) => config::run(cx, flags, command),
        Command::Completions(args) => completions::run(cx.output, args),
        Command::Man(args) => man::run(cx.output, args),
        Command::Verify(VerifyCommand::Db(args)) => verify::run_db(cx, args),
        Command::Evidence(EvidenceCommand::Export(args)) => evidence::run(cx, args),
        Command::Verify(command) => verify::run(cx.output, command),
        Command::Witness(command) => witness::run(cx.output, command),
    }
}

/// Runs a command that has no settings, so that it works in every directory; `None` for the others.
pub(crate) fn run_without_settings(
    output: Output,
    command: &Command,
) -> Option<Result<Exit, Error>> {
    match command {
        Command::Completions(args) => Some(completions::run(output, args)),
        Command::Man(args) => Some(man::run(output, args)),
        Command::Verify(VerifyCommand::Db(_)) => None,
        Command::Verify(command) => Some(verify::run(output, command)),
        Command::Witness(command) => Some(witness::run(output, command)),
        _ => None,
    }
}
