//! `cargo xtask bench layer`: what the gateway layer costs a request.

use crate::harness::{build, environment};
use crate::result::{Figure, Part};
use xtask::error::{Error, Result};
use xtask::sh::Sh;
use xtask::workspace::Workspace;

const NOTES: [&str; 4] = [
    "A route of axum that answers `hello`, asked within the process: no sockets. Processor time is that of \
     the thread, so what else the machine does counts little.",
    "The level is `metadata`. The record is made, with its actor, address and target, and given to a sink \
     that forgets it: what delivers it is measured elsewhere.",
    "A body there and back is JSON in pieces of 64 KiB that the route echoes; what is allocated for it \
     without the layer is subtracted.",
    "The example `overhead` of auditrail-tower measures it, and fails by itself when a limit is broken.",
];

/// What the gateway layer costs a request, against the same route without it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many requests are sent in each round.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,
    /// How often each side is measured.
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let bin = build::bench(workspace, "bench-layer")?;
    let settings = environment::without_database();
    let (requests, rounds) = (args.requests.to_string(), args.rounds.to_string());
    let said =
        Sh::new(bin).args(["--json", "--requests", &requests, "--repeats", &rounds]).read()?;
    let figures: Vec<Figure> = serde_json::from_str(&said)
        .map_err(|error| Error::Refused(format!("overhead said no figures ({error}): {said}")))?;
    let notes = NOTES.map(str::to_owned).to_vec();
    Part { name: "layer".to_owned(), settings, figures, notes }.save(workspace)
}
