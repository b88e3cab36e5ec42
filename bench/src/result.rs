//! The results of a part, saved as JSON for the report.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::harness::measure::{Spread, percentile};
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

/// The parts that make up the benchmarks, in the order in which they run and are reported.
pub(crate) const PARTS: [&str; 12] = [
    "network",
    "floor",
    "write",
    "loss",
    "soak",
    "transaction",
    "rows",
    "layer",
    "query",
    "growth",
    "import",
    "serve",
];

/// A server's processor time for one request, and its unit.
pub(crate) const REQUEST_CPU: (&str, &str) = ("processor time of a request", "µs");

/// The results of one run of a part. Compared figures are in the same part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// As on the command line: `write`, `loss`, `query`.
    pub(crate) name: String,
    /// Machine, versions and options, in the order of the report: "PostgreSQL" is "15.18".
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) figures: Vec<Figure>,
    /// Method and caveats, as sentences.
    pub(crate) notes: Vec<String>,
}

/// A metric of a side under a workload, in all rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// As in `single, 64 connections, TCP`.
    pub(crate) workload: String,
    /// As in `auditrail`, `fastify + pg`, `COPY, 2 connections`.
    pub(crate) side: String,
    /// As in `rate`, `p50`, `p99`, `max`, `memory`, `cpu`, `lost`.
    pub(crate) metric: String,
    /// `records/s`, `ms`, `MiB`, `s per 1,000 records`.
    pub(crate) unit: String,
    /// One value for each round; ratios are taken round by round.
    pub(crate) rounds: Vec<f64>,
}

impl Figure {
    /// The lowest, median and highest of the rounds; there is at least one.
    pub(crate) fn spread(&self) -> Spread {
        Spread::of(self.rounds.iter().copied())
    }

    /// The ratio of this figure to another one, round by round.
    pub(crate) fn ratios(&self, to: &Self) -> Vec<f64> {
        self.rounds.iter().zip(&to.rounds).map(|(ours, theirs)| ours / theirs).collect()
    }
}

impl Part {
    /// A figure, if it was measured.
    pub(crate) fn figure(&self, workload: &str, side: &str, metric: &str) -> Option<&Figure> {
        let same = |f: &&Figure| f.workload == workload && f.side == side && f.metric == metric;
        self.figures.iter().find(same)
    }

    /// The ratio of a side's figure to another's: lowest, median and highest of the rounds.
    pub(crate) fn ratio(
        &self,
        (workload, metric): (&str, &str),
        side: &str,
        to: &str,
    ) -> Option<Spread> {
        let other = self.figure(workload, to, metric)?;
        let ratios = self.figure(workload, side, metric)?.ratios(other);
        (!ratios.is_empty()).then(|| Spread::of(ratios))
    }

    /// Adds the value of a round.
    pub(crate) fn add(
        &mut self,
        workload: &str,
        side: &str,
        (metric, unit): (&str, &str),
        value: f64,
    ) {
        let same = |f: &&mut Figure| f.workload == workload && f.side == side && f.metric == metric;
        match self.figures.iter_mut().find(same) {
            Some(figure) => figure.rounds.push(value),
            None => self.figures.push(Figure {
                workload: workload.to_owned(),
                side: side.to_owned(),
                metric: metric.to_owned(),
                unit: unit.to_owned(),
                rounds: vec![value],
            }),
        }
    }

    /// Adds the percentiles of the times of one round, in milliseconds; there is at least one.
    pub(crate) fn add_times(&mut self, workload: &str, side: &str, millis: &mut [f64]) {
        millis.sort_by(f64::total_cmp);
        for (metric, percent) in [("p50", 50.0), ("p99", 99.0), ("max", 100.0)] {
            self.add(workload, side, (metric, "ms"), percentile(millis, percent));
        }
    }

    /// Saves it for the report.
    pub(crate) fn save(&self, workspace: &Workspace) -> Result<()> {
        let file = file(workspace, &self.name);
        let dir = workspace.target().join("bench/results");
        fs::create_dir_all(&dir).map_err(Error::doing(format!("create {}", dir.display())))?;
        let text = serde_json::to_string_pretty(self).map_err(|error| {
            Error::Refused(format!("cannot serialize the figures of {}: {error}", self.name))
        })?;
        fs::write(&file, text).map_err(Error::doing(format!("write {}", file.display())))
    }

    /// The saved results of a part, if there are any.
    pub(crate) fn load(workspace: &Workspace, name: &str) -> Result<Option<Self>> {
        let file = file(workspace, name);
        match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| {
                Error::Refused(format!("{} has no results: {error}", file.display()))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::doing(format!("read {}", file.display()))(error)),
        }
    }
}

fn file(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target().join(format!("bench/results/{name}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_is_taken_round_by_round() {
        let mut part = Part::default();
        for (ours, theirs) in [(4.0, 2.0), (9.0, 3.0), (1.0, 1.0)] {
            part.add("single", "auditrail", ("rate", "records/s"), ours);
            part.add("single", "fastify + pg", ("rate", "records/s"), theirs);
        }
        let ratio = part.ratio(("single", "rate"), "auditrail", "fastify + pg").unwrap();
        assert_eq!(ratio, Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(part.ratio(("single", "rate"), "auditrail", "unknown"), None);
    }
}
