//! The committed ratios, and how far one may fall below them by chance.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde::Deserialize;

use super::Found;
use crate::harness::measure::Spread;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

const FILE: &str = "bench/ratios.toml";
/// No band is narrower: a fifth is what two shared processors do to a ratio by themselves.
const LEAST_BAND: f64 = 0.2;
/// None is wider: a band that forgives everything tests nothing.
const MOST_BAND: f64 = 0.5;

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
    /// Nothing is committed to compare it with.
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

    /// What is to be expected after these rounds.
    pub(super) fn of(found: &Found) -> Self {
        let ratio = |rounds: &Vec<f64>| {
            let Spread { min, median, max } = Spread::of(rounds.iter().copied());
            let widest = (median - min).max(max - median) / median;
            Ratio { median, band: widest.clamp(LEAST_BAND, MOST_BAND) }
        };
        let ratios = found.iter().map(|(name, rounds)| ((*name).to_owned(), ratio(rounds)));
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
            // Quoted so that nothing in a name is an escape.
            // Writing to text cannot fail.
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
            // What is no number is no better.
            _ => Verdict::Worse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        vec![("steady", vec![2.0, 2.1, 1.9]), ("wild, by psql \\copy", vec![1.0, 1.0, 3.0])]
    }

    #[test]
    fn what_is_blessed_is_read_back_with_its_bands() {
        let ratios = Ratios::parse(&Ratios::of(&found()).text()).unwrap();
        assert_eq!(ratios.of_name("steady"), Some(Ratio { median: 2.0, band: 0.2 }));
        assert_eq!(ratios.of_name("wild, by psql \\copy"), Some(Ratio { median: 1.0, band: 0.5 }));
    }

    #[test]
    fn only_what_is_below_its_band_is_worse() {
        let ratios = Ratios::of(&found());
        assert_eq!(ratios.judge("steady", 1.61), Verdict::Within);
        assert_eq!(ratios.judge("steady", 1.59), Verdict::Worse);
        assert_eq!(ratios.judge("steady", 2.41), Verdict::Better);
        assert_eq!(ratios.judge("steady", f64::NAN), Verdict::Worse);
        assert_eq!(ratios.judge("unheard of", 9.0), Verdict::Unknown);
    }
}
