//! The committed ratios, and their noise bands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde::Deserialize;

use super::Results;
use crate::harness::measure::Spread;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

const FILE: &str = "bench/ratios.toml";
/// The minimum band: the noise of two shared processors.
const MIN_BAND: f64 = 0.2;
/// The maximum band: a wider one would test nothing.
const MAX_BAND: f64 = 0.5;

const HEAD: &str = "\
# What `cargo xtask bench quick` expects; written by `cargo xtask bench quick --bless`.
#
# Each is our figure by that of a limit in the same round, higher is better. `band` is the share of the
# median that a later median may be below it: the widest distance of a round from the median when this
# was written, at least 0.2 and at most 0.5.
";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ratios {
    ratios: BTreeMap<String, Ratio>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ratio {
    pub(super) median: f64,
    band: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Within,
    Better,
    Worse,
    /// There is no committed ratio.
    Unknown,
}

impl Ratios {
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let text = fs::read_to_string(workspace.root().join(FILE));
        let text = text.map_err(Error::doing(format!("read {FILE}; `--bless` writes it")))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        toml::from_str(text)
            .map_err(|error| Error::Refused(format!("{FILE} cannot be read: {error}")))
    }

    /// The expectation after these rounds.
    pub(super) fn of(results: &Results) -> Self {
        let ratio = |rounds: &Vec<f64>| {
            let Spread { min, median, max } = Spread::of(rounds.iter().copied());
            let widest = (median - min).max(max - median) / median;
            Ratio { median, band: widest.clamp(MIN_BAND, MAX_BAND) }
        };
        let ratios = results.iter().map(|(name, rounds)| ((*name).to_owned(), ratio(rounds)));
        Self { ratios: ratios.collect() }
    }

    pub(super) fn write(&self, workspace: &Workspace) -> Result<()> {
        let text = self.text();
        fs::write(workspace.root().join(FILE), &text)
            .map_err(Error::doing(format!("write {FILE}")))?;
        println!("\nwrote {FILE}\n{text}");
        Ok(())
    }

    fn text(&self) -> String {
        let mut text = format!("{HEAD}\n[ratios]\n");
        for (name, Ratio { median, band }) in &self.ratios {
            // Literal strings, so that names need no escapes. Writing to a String cannot fail.
            let _written =
                writeln!(text, "'{name}' = {{ median = {median:.2}, band = {band:.2} }}");
        }
        text
    }

    pub(super) fn of_name(&self, name: &str) -> Option<Ratio> {
        self.ratios.get(name).copied()
    }

    pub(super) fn judge(&self, name: &str, median: f64) -> Verdict {
        let Some(committed) = self.of_name(name) else {
            return Verdict::Unknown;
        };
        let by = median / committed.median;
        match by {
            _ if by > 1.0 + committed.band => Verdict::Better,
            _ if by >= 1.0 - committed.band => Verdict::Within,
            // NaN too.
            _ => Verdict::Worse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        vec![("steady", vec![2.0, 2.1, 1.9]), ("wild, by psql \\copy", vec![1.0, 1.0, 3.0])]
    }

    #[test]
    fn blessed_ratios_are_read_back() {
        let ratios = Ratios::parse(&Ratios::of(&results()).text()).unwrap();
        assert_eq!(ratios.of_name("steady"), Some(Ratio { median: 2.0, band: 0.2 }));
        assert_eq!(ratios.of_name("wild, by psql \\copy"), Some(Ratio { median: 1.0, band: 0.5 }));
    }

    #[test]
    fn ratio_below_its_band_is_worse() {
        let ratios = Ratios::of(&results());
        assert_eq!(ratios.judge("steady", 1.61), Verdict::Within);
        assert_eq!(ratios.judge("steady", 1.59), Verdict::Worse);
        assert_eq!(ratios.judge("steady", 2.41), Verdict::Better);
        assert_eq!(ratios.judge("steady", f64::NAN), Verdict::Worse);
        assert_eq!(ratios.judge("unknown", 9.0), Verdict::Unknown);
    }
}
