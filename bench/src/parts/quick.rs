//! `cargo xtask bench quick`: a few ratios, compared with the committed ones.

mod measure;
mod ratios;
mod sides;

use crate::harness::measure::Spread;
use crate::harness::testbed::Testbed;
use crate::harness::transport::Transport;
use measure::Quick;
use ratios::{Ratios, Verdict};
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// A few ratios in under three minutes, against the committed ones.
///
/// Each is the figure of Auditrail by that of a limit in the same round, so higher is better: the
/// service over TCP by pgbench, COPY, psql and bare SQL over TCP, and by itself over a Unix socket; and
/// the processor time of a bare handler by that of the service. It fails if the median of the rounds is
/// below the committed median by more than the committed noise band. Absolute times are not compared,
/// because machines differ. Building is not part of the three minutes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Number of rounds, as far as the three minutes allow.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Write the results to bench/ratios.toml as the new expectation.
    #[arg(long)]
    bless: bool,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let testbed = Testbed::start(workspace, &[Transport::Tcp, Transport::Unix])?;
    testbed.settings(&[])?;
    let results = Quick::prepare(workspace, &testbed)?.rounds(args.rounds)?;
    drop(testbed);
    if args.bless {
        return Ratios::of(&results).write(workspace);
    }
    judge(&Ratios::read(workspace)?, &results)
}

/// The ratios of all rounds, by name.
type Results = Vec<(&'static str, Vec<f64>)>;

fn judge(ratios: &Ratios, results: &Results) -> Result<()> {
    println!("\n{:<34} {:>8} {:>8}   rounds", "Auditrail by the limit", "now", "committed");
    let mut failures = Vec::new();
    for (name, rounds) in results {
        let Spread { min, median, max } = Spread::of(rounds.iter().copied());
        let committed =
            ratios.of_name(name).map_or("–".to_owned(), |r| format!("{:.2}", r.median));
        let (verdict, is_failure) = match ratios.judge(name, median) {
            Verdict::Within => ("", false),
            Verdict::Better => ("better than its band; --bless if it stays so", false),
            Verdict::Worse => ("WORSE than its band", true),
            Verdict::Unknown => ("not in bench/ratios.toml; --bless it", true),
        };
        println!("{name:<34} {median:>8.2} {committed:>8}   {min:.2} to {max:.2}  {verdict}");
        if is_failure {
            failures.push(format!("{name} ({median:.2}, committed {committed})"));
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Error::Refused(format!("below the noise band: {}", failures.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_below_its_band_fails_and_is_named() {
        let committed = Ratios::of(&vec![("steady", vec![2.0]), ("other", vec![1.0])]);
        let now = |steady: f64| vec![("steady", vec![steady; 3]), ("other", vec![1.0])];
        assert!(judge(&committed, &now(1.7)).is_ok());
        let refusal = judge(&committed, &now(1.5)).unwrap_err().to_string();
        assert_eq!(refusal, "below the noise band: steady (1.50, committed 2.00)");
        let unknown = judge(&Ratios::default(), &now(2.0)).unwrap_err().to_string();
        assert!(unknown.contains("steady") && unknown.contains("other"), "{unknown}");
    }
}
