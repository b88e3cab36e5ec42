//! What is to be reached, and whether it was.

mod table;

use std::collections::BTreeMap;

use super::number::{number, spread};
use crate::harness::measure::Spread;
use crate::result::{Figure, Part};
use Bound::{AtLeast, AtMost, Never};
pub(super) use table::TARGETS;

/// A figure of ours that is to keep a bound, by itself or as so many times another one.
pub(super) struct Target {
    /// Its name in `bench/causes.toml`.
    pub(super) key: &'static str,
    pub(super) what: &'static str,
    /// The part that measures it.
    pub(super) part: &'static str,
    pub(super) ours: Pick,
    pub(super) theirs: Option<Pick>,
    pub(super) bound: Bound,
}

/// Some figures of a part. A `*` in the workload stands for any text; where that is the same, ours is
/// compared with theirs, and the worst one counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    workload: &'static str,
    side: &'static str,
    metric: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// Not once in any round.
    Never,
}

/// What came of a target.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// Its part was not run, or has no such figure.
    Missing(String),
    /// The worst one, out of so many, of which so many keep the bound.
    Measured { worst: Spread, rounds: usize, what: String, of: usize, kept: usize },
}

impl Target {
    /// In the figures of `parts`.
    pub(super) fn find(&self, parts: &[Part]) -> Found {
        let Some(part) = parts.iter().find(|part| part.name == self.part) else {
            return Found::Missing(format!("not measured: the part `{}` was not run", self.part));
        };
        let ours = self.ours.of(part);
        let theirs = self.theirs.map(|theirs| theirs.of(part));
        let mut measured = Vec::new();
        for (same, figure) in ours {
            let rounds = match &theirs {
                None => figure.rounds.clone(),
                Some(theirs) => match theirs.get(same) {
                    Some(other) => ratios(figure, other),
                    None => continue,
                },
            };
            if !rounds.is_empty() && rounds.iter().all(|round| round.is_finite()) {
                measured.push((same, rounds.len(), Spread::of(rounds)));
            }
        }
        let kept = measured.iter().filter(|(_, _, ratio)| self.bound.holds(*ratio)).count();
        let worse = |a: &Spread, b: &Spread| match self.bound {
            AtLeast(_) => b.median.total_cmp(&a.median),
            AtMost(_) => a.median.total_cmp(&b.median),
            Never => a.max.total_cmp(&b.max),
        };
        match measured.iter().max_by(|a, b| worse(&a.2, &b.2)) {
            Some((what, rounds, worst)) => {
                let (worst, rounds, what) = (*worst, *rounds, (*what).to_owned());
                Found::Measured { worst, rounds, what, of: measured.len(), kept }
            }
            None => Found::Missing(format!("not measured: `{}` has no such figure", self.part)),
        }
    }
}

impl Pick {
    /// The figures by what the `*` stands for.
    fn of<'a>(&self, part: &'a Part) -> BTreeMap<&'a str, &'a Figure> {
        let fits = |figure: &&Figure| figure.side == self.side && figure.metric == self.metric;
        let star = |figure: &'a Figure| Some((star(self.workload, &figure.workload)?, figure));
        part.figures.iter().filter(fits).filter_map(star).collect()
    }
}

/// What the `*` of `pattern` stands for in `text`, if it is of that form.
fn star<'a>(pattern: &str, text: &'a str) -> Option<&'a str> {
    match pattern.split_once('*') {
        Some((before, after)) => text.strip_prefix(before)?.strip_suffix(after),
        None => (pattern == text).then_some(""),
    }
}

fn ratios(one: &Figure, other: &Figure) -> Vec<f64> {
    one.rounds.iter().zip(&other.rounds).map(|(one, other)| one / other).collect()
}

impl Bound {
    /// The median counts: a round is a chance, several are not.
    fn holds(self, rounds: Spread) -> bool {
        match self {
            AtLeast(least) => rounds.median >= least,
            AtMost(most) => rounds.median <= most,
            Never => rounds.max <= 0.0,
        }
    }

    pub(super) fn words(self) -> String {
        match self {
            Never => "0".to_owned(),
            AtLeast(least) => format!("≥ {}", number(least)),
            AtMost(most) => format!("≤ {}", number(most)),
        }
    }
}

impl Found {
    pub(super) fn is_reached(&self) -> bool {
        matches!(self, Self::Measured { of, kept, .. } if of == kept)
    }

    /// The figure, and which one of several it is.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Missing(_) => "–".to_owned(),
            Self::Measured { worst, rounds, of: 1, .. } => spread(*worst, *rounds),
            Self::Measured { worst, rounds, what, of, kept } => {
                format!("{kept} of {of} keep it; the worst, {what}: {}", spread(*worst, *rounds))
            }
        }
    }
}
