//! The main function: parses the arguments, runs the command, and maps the outcome to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::Cli;
use crate::cmd;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;

pub(crate) fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return parse_failure(&error, &args).into(),
    };
    let output = Output::new(&cli.global);
    let outcome = cmd::run_without_settings(output, &cli.command).unwrap_or_else(|| {
        Context::new(&cli.global, output).and_then(|cx| cmd::run(&cx, &cli.global, &cli.command))
    });
    match outcome {
        Ok(exit) => exit,
        Err(error) => {
            if !matches!(error, Error::BrokenPipe) {
                output.error(&error);
            }
            Exit::of(&error)
        }
    }
    .into()
}

/// Prints help and version as they are, and wrong arguments as an error, as JSON with `--json`.
fn parse_failure(error: &clap::Error, args: &[OsString]) -> Exit {
    let wants_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !wants_help && args.iter().any(|arg| arg == "--json") {
        let message = error.to_string();
        let message = message.trim_end().trim_start_matches("error: ");
        let body = serde_json::json!({"error": {"code": "usage", "message": message}});
        eprintln!("{body}");
        return Exit::Usage;
    }
    match error.print() {
        Ok(()) if wants_help => Exit::Success,
        Ok(()) => Exit::Usage,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::BrokenPipe,
        Err(_) => Exit::Failure,
    }
}
