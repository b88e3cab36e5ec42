//! `cargo xtask bench loss`: what is acknowledged and then not there, or there twice, when the server
//! or PostgreSQL is killed in the middle of work.

mod run;
mod tally;

use crate::harness::corpus;
use crate::harness::load;
use crate::harness::peers::{self, Peer, Side};
use crate::harness::testbed::Testbed;
use crate::harness::transport::Transport;
use crate::result::Part;
use run::{Killed, Runs};
use tally::Dice;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// How many different records are sent.
const RECORDS: u64 = 20_000;

/// What is acknowledged and then lost, or written twice, when a server or PostgreSQL is killed.
///
/// Each run has an empty table and 16 connections that send single records, each with a request id
/// of its own. At a random moment the server is killed with SIGKILL, with all its processes, or else
/// PostgreSQL's first process is; what was killed is started again at once, and the load goes on.
/// Then the client sends every request again that was not acknowledged, until it is, as a careful
/// client does. A record is lost when it was acknowledged and is not in the table, and doubled for
/// each row beyond one with its request id.
///
/// Each request carries its id as `Idempotency-Key` too, which auditrail knows and the peers do not.
/// With the defaults it takes about five minutes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench loss
  cargo xtask bench loss --rounds 1 --seconds 2 --only auditrail --only fastify
  cargo xtask bench loss --seed 7

It fails when auditrail has lost or doubled a record.
What was counted is kept as target/bench/results/loss.json.")]
pub(crate) struct Args {
    /// How often each server, and PostgreSQL under it, is killed.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long the load is in each run.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// How the servers reach PostgreSQL.
    #[arg(long, value_enum, default_value = "tcp")]
    database: Transport,
    /// Chooses the moments: the same seed gives the same ones.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only servers with this in their name; may be given several times.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let sides = sides(&args.only)?;
    let testbed = Testbed::start(workspace, &[args.database])?;
    let (peers, left_out) = peers::prepare(workspace, &testbed, &sides, peers::POOL)?;
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
    part.notes.extend(left_out);
    part.notes.extend(NOTES.map(str::to_owned));
    let mut runs = Runs {
        testbed: &testbed,
        client,
        records: corpus.file,
        seconds: args.seconds,
        transport: args.database,
        dice: Dice::new(args.seed),
    };
    for round in 1..=args.rounds {
        println!("\nround {round} of {}", args.rounds);
        for killed in [Killed::Server, Killed::Postgres] {
            println!("  {}", killed.name());
            for peer in &peers {
                runs.one(peer, killed, &mut part)?;
            }
        }
    }
    part.save(workspace)?;
    judge(&part)
}

/// Those whose names contain one of the texts, or all.
fn sides(only: &[String]) -> Result<Vec<Side>> {
    let fits =
        |side: &Side, text: &String| side.name().to_lowercase().contains(&text.to_lowercase());
    if let Some(unknown) = only.iter().find(|text| !Side::ALL.iter().any(|side| fits(side, text))) {
        let all = Side::ALL.map(Side::name).join("; ");
        return Err(Error::Refused(format!("`{unknown}` is in no server's name: {all}")));
    }
    let wanted = |side: &Side| only.is_empty() || only.iter().any(|text| fits(side, text));
    Ok(Side::ALL.into_iter().filter(wanted).collect())
}

/// Shows the sums of all rounds, and fails when ours are not zero.
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
            if let (Some(acknowledged), Some(lost), Some(doubled), Some(unasked), Some(open)) = all
            {
                println!(
                    "  {side:<20} {acknowledged:>12} {lost:>6} {doubled:>9} {unasked:>22} {open:>16}"
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

/// What a reader has to know to judge the figures.
const NOTES: [&str; 7] = [
    "Every record has a request id that the client made. It kept the ids of those that were \
     acknowledged with 2xx, and the records of those that were sent and answered otherwise or not at \
     all.",
    "Lost are records that were acknowledged and are not in the table in the end. Doubled are rows \
     beyond one for each request id; those that were there before anything was sent again are told \
     apart.",
    "What was not acknowledged is sent again, with the same request id, until it is. A server that \
     was killed between commit and answer has written such a record already.",
    "Each request has an Idempotency-Key. auditrail derives the record's id from it and so finds a \
     record that is there. The peers do not know such a header, as nothing in their frameworks does, \
     so they write a second row. One who has the clients choose the primary key, and answers a \
     conflict as done, would not; PostgREST offers that as `resolution=ignore-duplicates` where the \
     client sends the id.",
    "PostgreSQL is killed by SIGKILL to its first process. That tests recovery after a crash of the \
     program, not a loss of power.",
    "Servers are not started again when PostgreSQL was killed, unless they have ended themselves.",
    "Moments are chosen by chance, from a seed, between 30 and 80 hundredths of each load.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_chosen_by_name() {
        let chosen =
            |only: &[&str]| sides(&only.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(chosen(&[]).unwrap(), Side::ALL);
        assert_eq!(chosen(&["postgrest", "AXUM"]).unwrap(), [Side::Axum, Side::Postgrest]);
        assert!(chosen(&["nginx"]).is_err());
    }

    #[test]
    fn one_lost_record_of_ours_is_too_many_and_one_of_others_is_their_affair() {
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
