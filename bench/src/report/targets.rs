//! The targets, and whether the figures meet them.

mod table;

use std::collections::BTreeMap;

use super::number::{number, spread};
use crate::harness::measure::Spread;
use crate::result::{Figure, Part};
use Bound::{AtLeast, AtMost, Never};
pub(super) use table::TARGETS;

/// A bound on a figure of Auditrail, or on its ratio to another figure.
pub(super) struct Target {
    /// Its name in `bench/causes.toml`.
    pub(super) key: &'static str,
    pub(super) description: &'static str,
    /// The part that measures it.
    pub(super) part: &'static str,
    pub(super) ours: Selector,
    /// The other figure of the ratio.
    pub(super) baseline: Option<Selector>,
    pub(super) bound: Bound,
}

/// Selects figures of a part. A `*` in the workload matches any text; a ratio is taken between figures
/// for which it matches the same text, and the worst ratio counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selector {
    workload: &'static str,
    side: &'static str,
    metric: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// Zero in every round.
    Never,
}

/// The evaluation of a target.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// The part was not run, or has no such figure.
    NotMeasured,
    Measured {
        worst: Spread,
        rounds: usize,
        /// The text that `*` matched in the worst figure.
        variant: String,
        /// How many figures were selected, and how many of them are within the bound.
        total: usize,
        within: usize,
    },
}

impl Target {
    /// Evaluates it against the figures of `parts`.
    pub(super) fn evaluate(&self, parts: &[Part]) -> Outcome {
        let Some(part) = parts.iter().find(|part| part.name == self.part) else {
            return Outcome::NotMeasured;
        };
        let baseline = self.baseline.map(|selector| selector.select(part));
        let mut measured = Vec::new();
        for (variant, figure) in self.ours.select(part) {
            let rounds = match &baseline {
                None => figure.rounds.clone(),
                Some(baseline) => match baseline.get(variant) {
                    Some(other) => figure.ratios(other),
                    None => continue,
                },
            };
            if !rounds.is_empty() && rounds.iter().all(|round| round.is_finite()) {
                measured.push((variant, rounds.len(), Spread::of(rounds)));
            }
        }
        let within = measured.iter().filter(|(_, _, spread)| self.bound.holds(*spread)).count();
        let worst = measured.iter().max_by(|a, b| self.bound.compare(&a.2, &b.2));
        worst.map_or(Outcome::NotMeasured, |(variant, rounds, worst)| Outcome::Measured {
            worst: *worst,
            rounds: *rounds,
            variant: (*variant).to_owned(),
            total: measured.len(),
            within,
        })
    }
}

impl Selector {
    /// The selected figures, by the text that `*` matches.
    fn select<'a>(&self, part: &'a Part) -> BTreeMap<&'a str, &'a Figure> {
        let figures = part.figures.iter();
        figures
            .filter(|figure| figure.side == self.side && figure.metric == self.metric)
            .filter_map(|figure| Some((wildcard(self.workload, &figure.workload)?, figure)))
            .collect()
    }
}

/// The text that the `*` of `pattern` matches in `text`.
fn wildcard<'a>(pattern: &str, text: &'a str) -> Option<&'a str> {
    match pattern.split_once('*') {
        Some((prefix, suffix)) => text.strip_prefix(prefix)?.strip_suffix(suffix),
        None => (pattern == text).then_some(""),
    }
}

impl Bound {
    /// Whether the median is within the bound; a single round may miss it by chance.
    fn holds(self, spread: Spread) -> bool {
        match self {
            AtLeast(least) => spread.median >= least,
            AtMost(most) => spread.median <= most,
            Never => spread.max <= 0.0,
        }
    }

    /// Orders the worse spread last.
    fn compare(self, a: &Spread, b: &Spread) -> std::cmp::Ordering {
        match self {
            AtLeast(_) => b.median.total_cmp(&a.median),
            AtMost(_) => a.median.total_cmp(&b.median),
            Never => a.max.total_cmp(&b.max),
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Never => "0".to_owned(),
            AtLeast(least) => format!("≥ {}", number(least)),
            AtMost(most) => format!("≤ {}", number(most)),
        }
    }
}

impl Outcome {
    pub(super) fn is_met(&self) -> bool {
        matches!(self, Self::Measured { total, within, .. } if total == within)
    }

    pub(super) fn is_missed(&self) -> bool {
        matches!(self, Self::Measured { total, within, .. } if within < total)
    }

    pub(super) fn verdict(&self) -> &'static str {
        match self {
            Self::NotMeasured => "not measured",
            Self::Measured { .. } if self.is_met() => "met",
            Self::Measured { .. } => "missed",
        }
    }

    /// The figure; of several, how many are within the bound, and the worst.
    pub(super) fn text(&self) -> String {
        match self {
            Self::NotMeasured => "–".to_owned(),
            Self::Measured { worst, rounds, total: 1, .. } => spread(*worst, *rounds),
            Self::Measured { worst, rounds, variant, total, within } => {
                format!("{within} of {total}; worst, {variant}: {}", spread(*worst, *rounds))
            }
        }
    }
}
