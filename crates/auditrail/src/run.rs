//! The main function: parses the arguments, runs the command, and maps the outcome to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::Styles;
use clap::builder::styling::AnsiColor;
use clap::error::ErrorKind;
use clap::{ColorChoice, CommandFactory, FromArgMatches};

use crate::cli::{Cli, Command, WitnessCommand};
use crate::cmd;
use crate::config;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;

/// Colours of help texts and usage errors.
const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

pub(crate) fn main() -> ExitCode {
    let args = with_metadata_flags(std::env::args_os().collect());
    let command = Cli::command().styles(STYLES).color(color_choice(&args));
    let parsed =
        command.try_get_matches_from(&args).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return parse_failure(&error, &args).into(),
    };
    let mut output = Output::new(&cli.global);
    let logs_json = match &cli.command {
        Command::Serve(_) => config::logs_json(&cli.global),
        Command::Witness(WitnessCommand::Serve(_)) => config::environment_logs_json(),
        _ => false,
    };
    if logs_json {
        output = output.with_log_events();
        Output::print_panics_as_events();
    }
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

/// Replaces `--metadata.KEY=VALUE` and `--metadata.KEY VALUE`, the name of the filter over HTTP, by
/// `--metadata=KEY=VALUE`.
fn with_metadata_flags(args: Vec<OsString>) -> Vec<OsString> {
    // psql has arguments of its own.
    if args.iter().any(|arg| arg == "psql") {
        return args;
    }
    let mut replaced = Vec::with_capacity(args.len());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if arg == "--" {
            replaced.push(arg);
            break;
        }
        match arg.to_str().and_then(|arg| arg.strip_prefix("--metadata.")) {
            Some(pair) if pair.contains('=') => replaced.push(format!("--metadata={pair}").into()),
            Some(key) => {
                let value = args.next().unwrap_or_default();
                let mut flag = OsString::from(format!("--metadata={key}="));
                flag.push(value);
                replaced.push(flag);
            }
            None => replaced.push(arg),
        }
    }
    replaced.extend(args);
    replaced
}

/// The value of `--color`, which also applies to help texts and usage errors, so before the arguments are
/// parsed.
fn color_choice(args: &[OsString]) -> ColorChoice {
    let mut args = args.iter().filter_map(|arg| arg.to_str());
    while let Some(arg) = args.next() {
        let value = match arg {
            "--" => break,
            "--color" => args.next(),
            arg => arg.strip_prefix("--color="),
        };
        match value {
            Some("always") => return ColorChoice::Always,
            Some("never") => return ColorChoice::Never,
            _ => {}
        }
    }
    ColorChoice::Auto
}

/// Prints help and version as they are, and wrong arguments as an error, as JSON with `--json`.
fn parse_failure(error: &clap::Error, args: &[OsString]) -> Exit {
    let wants_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let message = error.to_string();
    let message = message.trim_end().trim_start_matches("error: ");
    if !wants_help && has("serve") && config::variable_says_json() {
        Output::usage_event(message);
        return Exit::Usage;
    }
    if !wants_help && has("--json") {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_flags_are_replaced() {
        let replaced = |args: &[&str]| {
            let args = with_metadata_flags(args.iter().map(OsString::from).collect());
            args.into_iter().map(|arg| arg.into_string().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(replaced(&["query", "--metadata.a.b=c=d"]), ["query", "--metadata=a.b=c=d"]);
        assert_eq!(replaced(&["--metadata.a", "b", "c"]), ["--metadata=a=b", "c"]);
        assert_eq!(replaced(&["--", "--metadata.a", "b"]), ["--", "--metadata.a", "b"]);
        assert_eq!(replaced(&["db", "psql", "--metadata.a"]), ["db", "psql", "--metadata.a"]);
    }

    #[test]
    fn colour_is_known_before_arguments_are_parsed() {
        let choice =
            |args: &[&str]| color_choice(&args.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(choice(&["query", "--color", "always"]), ColorChoice::Always);
        assert_eq!(choice(&["--color=never", "query"]), ColorChoice::Never);
        assert_eq!(choice(&["query"]), ColorChoice::Auto);
        assert_eq!(choice(&["--", "--color=never"]), ColorChoice::Auto);
    }
}
