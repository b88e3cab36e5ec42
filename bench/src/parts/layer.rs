//! `cargo xtask bench layer`: the cost of the tower layer for a request.

use crate::harness::{build, environment};
use crate::result::{Figure, Part};
use xtask::error::{Error, Result};
use xtask::sh::Sh;
use xtask::workspace::Workspace;

const NOTES: [&str; 4] = [
    "A route of axum that returns `hello`, called in-process without sockets. Processor time is that of \
     the thread, so other load on the machine hardly matters.",
    "The level is `metadata`. The record has its actor, address and target, and goes to a sink that \
     discards it: delivery is measured elsewhere.",
    "Echoed bodies are JSON in chunks of 64 KiB; what is allocated for them without the layer is \
     subtracted.",
    "The program `bench-layer` measures it in one process.",
];

/// The cost of the tower layer for a request, against the same route without it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Requests in each round.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,
    /// Number of rounds.
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let bin = build::bench(workspace, "bench-layer")?;
    let settings = environment::without_database();
    let (requests, rounds) = (args.requests.to_string(), args.rounds.to_string());
    let output =
        Sh::new(bin).args(["--json", "--requests", &requests, "--repeats", &rounds]).read()?;
    let figures: Vec<Figure> = serde_json::from_str(&output).map_err(|error| {
        Error::Refused(format!("bench-layer printed no figures ({error}): {output}"))
    })?;
    let notes = NOTES.map(str::to_owned).to_vec();
    Part { name: "layer".to_owned(), settings, figures, notes }.save(workspace)
}
