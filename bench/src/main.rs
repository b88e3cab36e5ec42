//! `auditrail-bench`: the benchmarks, run as `cargo xtask bench`.
//!
//! Every benchmark compares Auditrail with a peer or a limit in the same run on the same machine.
//! A *part* ([`parts`]) is one benchmark; it saves its figures as a [`result::Part`], and [`report`]
//! renders docs/performance.md from the figures of all parts. What several parts need is in
//! [`harness`]: a durable PostgreSQL, the peers, the load client, timing.
//!
//! The other binaries of this package are programs that the parts start: a load client, a proxy that
//! adds latency, transactions by sqlx, and the middleware in-process.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program reports its progress"
)]

mod harness;
mod parts;
mod report;
mod result;

use std::process::ExitCode;

use clap::Parser;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

use parts::Command;
use result::PARTS;

/// Measure, as a ratio against a peer in the same run.
///
/// Machines differ and are shared, so seconds mean little: each round times both sides one after
/// the other, and the median of the rounds' ratios is what counts.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask bench",
    bin_name = "cargo xtask bench",
    after_help = "\
Examples:
  cargo xtask bench                every part, and then docs/performance.md
  cargo xtask bench quick          under three minutes, against bench/ratios.toml
  cargo xtask bench import
  cargo xtask bench import --records 100000 --rounds 3
  cargo xtask bench query --records 100000,1000000
  cargo xtask bench growth --records 0,1000000
  cargo xtask bench sequence             with the sequencer and without
  cargo xtask bench evidence             with the transparency log and without
  cargo xtask bench partitions           while partitions are closed and merged
  cargo xtask bench serve
  cargo xtask bench layer
  cargo xtask bench network              TCP beside a Unix socket, and 1 ms each way
  cargo xtask bench floor                processor time beside a bare handler
  cargo xtask bench write --only auditrail --only fastify
  cargo xtask bench write --database tcp --database tcp+1ms
  cargo xtask bench loss --rounds 2
  cargo xtask bench soak                 thousands of hostile connections, ten minutes"
)]
struct Cli {
    /// One part; by default every part in turn, and then the report.
    #[command(subcommand)]
    command: Option<Command>,
}

fn main() -> ExitCode {
    xtask::exit_code(run(&Cli::parse()))
}

fn run(cli: &Cli) -> Result<()> {
    let workspace = Workspace::load()?;
    match &cli.command {
        Some(command) => command.run(&workspace),
        None => run_all(&workspace),
    }
}

/// Runs every part with its default options. A failing part does not prevent the others, nor the
/// report; failures are listed at the end.
fn run_all(workspace: &Workspace) -> Result<()> {
    let mut failures = Vec::new();
    for name in PARTS {
        println!("\n{name}\n");
        if let Err(error) = part(name).and_then(|command| command.run(workspace)) {
            eprintln!("error: {error}");
            failures.push(format!("{name} ({error})"));
        }
    }
    report::run(workspace)?;
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Error::Refused(format!("these parts failed: {}", failures.join("; "))))
    }
}

/// The command of a part with its default options.
fn part(name: &str) -> Result<Command> {
    let cli =
        Cli::try_parse_from(["bench", name]).map_err(|error| Error::Refused(error.to_string()))?;
    cli.command.ok_or_else(|| Error::Refused(format!("`{name}` is not a part")))
}

#[cfg(test)]
mod tests {
    use xtask::code_blocks::{code_blocks, is_guide};

    use super::*;

    #[test]
    fn every_part_runs_without_options() {
        for name in PARTS {
            assert!(part(name).is_ok(), "{name}");
        }
        assert!(part("nothing").is_err());
    }

    // `cargo xtask docs-test` passes arguments of `bench` on without parsing them.
    #[test]
    fn documented_command_lines_parse() {
        let workspace = Workspace::load().unwrap();
        for path in workspace.files().unwrap().iter().filter(|path| is_guide(path)) {
            let page = std::fs::read_to_string(workspace.root().join(path)).unwrap();
            for block in code_blocks(&page).iter().filter(|block| block.language == "sh") {
                let lines = block.text.lines();
                for line in lines.filter_map(|line| line.strip_prefix("cargo xtask bench")) {
                    let args = line.split(" #").next().unwrap_or_default().split_whitespace();
                    let cli = Cli::try_parse_from(["bench"].into_iter().chain(args));
                    assert!(cli.is_ok(), "{}: {line}", path.display());
                }
            }
        }
    }
}
