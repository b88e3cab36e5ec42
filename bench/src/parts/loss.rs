//! `cargo xtask bench loss`: records that are acknowledged and then missing, or written twice, when the server
//! or PostgreSQL is killed under load.

mod run;
mod tally;

use crate::harness::corpus;
use crate::harness::load;
use crate::harness::peers::{self, Peer, Side};
use crate::harness::testbed::Testbed;
use crate::harness::transport::Transport;
use crate::result::Part;
use run::{Killed, Runs};
use tally::Random;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// Number of different records.
const RECORDS: u64 = 20_000;

/// Records that are lost or written twice when a server or PostgreSQL is killed.
///
/// Each run has an empty table and 16 connections that send single records with distinct request ids.
/// At a random moment all processes of the server, or the postmaster, get SIGKILL; what was killed is
/// restarted at once, and the load continues. Then the client retries every request that was not
/// acknowledged until it is. A record is lost if it was acknowledged and is not in the table, and
/// doubled for each row with its request id beyond the first.
///
/// Each request has its id as `Idempotency-Key` too, which auditrail supports and the peers do not.
/// The defaults take about five minutes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench loss
  cargo xtask bench loss --rounds 1 --seconds 2 --only auditrail --only fastify
  cargo xtask bench loss --seed 7

Fails if auditrail has lost or doubled a record.
The results are saved as target/bench/results/loss.json.")]
pub(crate) struct Args {
    /// How often each server, and PostgreSQL under it, is killed.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Duration of the load in each run, in seconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Connection of the servers to PostgreSQL.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Transport,
    /// Seed of the random moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only servers with this text in their name; may be repeated.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let sides = sides(&args.only)?;
    let testbed = Testbed::start(workspace, &[args.database])?;
    let (peers, missing) = peers::prepare(workspace, &testbed, &sides, peers::POOL)?;
    let client = load::build(workspace)?;
    let corpus = corpus::usual(workspace, &testbed.bench.dir, RECORDS)?;
    let mut part = Part { name: "loss".to_owned(), ..Part::default() };
    part.settings = testbed.settings(&[])?;
    part.settings.extend(peers.iter().map(Peer::setting));
    let own = [
        ("rounds", u64::from(args.rounds)),
        ("seconds of each load", args.seconds.into()),
        ("connections", run::CONNECTIONS.into()),
        ("seed of the moments", args.seed),
    ];
    part.settings.extend(own.map(|(name, value)| (name.to_owned(), value.to_string())));
    part.settings.push(("records".to_owned(), corpus.what));
    part.settings.push(Transport::setting(&[args.database]));
    let only = (!args.only.is_empty()).then(|| ("only".to_owned(), args.only.join("; ")));
    part.settings.extend(only);
    part.notes.extend(missing);
    part.notes.extend(NOTES.map(str::to_owned));
    let mut runs = Runs {
        testbed: &testbed,
        client,
        records: corpus.file,
        seconds: args.seconds,
        transport: args.database,
        random: Random::new(args.seed),
    };
    for round in 1..=args.rounds {
        println!("\nround {round} of {}", args.rounds);
        for killed in [Killed::Server, Killed::Postgres] {
            println!("  {}", killed.name());
            for peer in &peers {
                runs.run(peer, killed, &mut part)?;
            }
        }
    }
    part.save(workspace)?;
    judge(&part)
}

/// The servers whose names contain one of the texts; without texts all.
fn sides(only: &[String]) -> Result<Vec<Side>> {
    let matches =
        |side: &Side, text: &String| side.name().to_lowercase().contains(&text.to_lowercase());
    if let Some(unknown) =
        only.iter().find(|text| !Side::ALL.iter().any(|side| matches(side, text)))
    {
        let all = Side::ALL.map(Side::name).join("; ");
        return Err(Error::Refused(format!("no server has `{unknown}` in its name: {all}")));
    }
    let is_selected = |side: &Side| only.is_empty() || only.iter().any(|text| matches(side, text));
    Ok(Side::ALL.into_iter().filter(is_selected).collect())
}

/// Prints the sums of all rounds, and fails if auditrail's are not zero.
fn judge(part: &Part) -> Result<()> {
    let mut ours = 0.0;
    for killed in [Killed::Server, Killed::Postgres] {
        println!(
            "\n{}\n  {:<20} {:>12} {:>6} {:>9} {:>22} {:>16}",
            killed.name(),
            "",
            "acknowledged",
            "lost",
            "doubled",
            "before retries",
            "not acknowledged"
        );
        for side in Side::ALL.map(Side::name) {
            let sum = |metric| {
                let figure = part.figure(killed.name(), side, metric)?;
                Some(figure.rounds.iter().sum::<f64>())
            };
            let all = (
                sum("acknowledged"),
                sum("lost"),
                sum("doubled"),
                sum("doubled before retries"),
                sum("not acknowledged"),
            );
            if let (
                Some(acknowledged),
                Some(lost),
                Some(doubled),
                Some(before_retries),
                Some(pending),
            ) = all
            {
                println!(
                    "  {side:<20} {acknowledged:>12} {lost:>6} {doubled:>9} {before_retries:>22} {pending:>16}"
                );
                ours += if side == Side::Ours.name() { lost + doubled } else { 0.0 };
            }
        }
    }
    if ours > 0.0 {
        Err(Error::Refused("auditrail has lost or doubled records; see above".to_owned()))
    } else {
        Ok(())
    }
}

const NOTES: [&str; 7] = [
    "Every record has a request id made by the client, which keeps the ids of requests acknowledged \
     with 2xx, and the records of requests with another response or none.",
    "Lost records were acknowledged and are not in the table at the end. Doubled are rows beyond the \
     first for each request id; those that exist before the first retry are counted separately.",
    "Requests without acknowledgement are retried with the same request id until they are \
     acknowledged. A server that was killed between commit and response has written such a record \
     already.",
    "Each request has an Idempotency-Key. auditrail derives the record's id from it and so finds the \
     existing record. The frameworks of the peers do not support the header, so a second row is \
     written. A handler with client-chosen primary keys that accepts conflicts would not; PostgREST \
     offers that as `resolution=ignore-duplicates` if the client sends the id.",
    "PostgreSQL is killed by SIGKILL to the postmaster, which tests recovery after a crash of the \
     program, not after a loss of power.",
    "Servers are not restarted after PostgreSQL was killed, unless they have exited.",
    "The moments are random, from a seed, between 30 and 80 per cent of each load.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_selected_by_name() {
        let chosen =
            |only: &[&str]| sides(&only.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(chosen(&[]).unwrap(), Side::ALL);
        assert_eq!(chosen(&["postgrest", "AXUM"]).unwrap(), [Side::Axum, Side::Postgrest]);
        assert!(chosen(&["nginx"]).is_err());
    }

    #[test]
    fn only_lost_records_of_auditrail_fail_the_run() {
        let mut part = Part::default();
        let mut add = |side: &str, lost| {
            for metric in
                ["acknowledged", "lost", "doubled", "doubled before retries", "not acknowledged"]
            {
                let value = if metric == "lost" { lost } else { 0.0 };
                part.add(Killed::Server.name(), side, (metric, "records"), value);
            }
            judge(&part).is_ok()
        };
        assert!(add(Side::Fastify.name(), 3.0));
        assert!(add(Side::Ours.name(), 0.0));
        assert!(!add(Side::Ours.name(), 1.0));
    }
}
