//! Figures with limits.

use crate::harness::measure::Spread;
use crate::result::Part;
use xtask::error::{Error, Result};

/// A figure and its limit.
pub(super) struct Limited {
    pub(super) what: &'static str,
    /// All measurements; the median must be within the limit.
    pub(super) values: Vec<f64>,
    pub(super) unit: &'static str,
    pub(super) most: f64,
}

impl Limited {
    fn median(&self) -> f64 {
        Spread::of(self.values.iter().copied()).median
    }
}

pub(super) const NOTES: [&str; 3] = [
    "Memory under load is the high-water mark of a process that was started for that load; idle memory \
     is read three seconds after readiness.",
    "The time to readiness is from the start to the first 200 of /readyz, with the database running.",
    "The limits are documented; the run fails if a median is over its limit.",
];

/// Adds each figure, and its limit as a side of its own.
pub(super) fn add(part: &mut Part, measured: &[Limited]) {
    for Limited { what, values, unit, most } in measured {
        let metric = if *unit == "ms" { "time" } else { "memory" };
        for value in values {
            part.add(what, "auditrail serve", (metric, unit), *value);
            part.add(what, "limit", (metric, unit), *most);
        }
    }
}

/// Prints all medians and limits, and fails if a median is over its limit.
pub(super) fn judge(measured: &[Limited]) -> Result<()> {
    println!();
    let mut over = Vec::new();
    for limited in measured {
        let Limited { what, unit, most, .. } = limited;
        let value = limited.median();
        let is_within = value <= *most;
        println!(
            "{what:<36} {value:>7.1} {unit:<4} of {most:>4}   {}",
            if is_within { "met" } else { "OVER" }
        );
        over.extend((!is_within).then_some(*what));
    }
    if over.is_empty() {
        Ok(())
    } else {
        Err(Error::Refused(format!("over the limit: {}", over.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_kept_beside_its_limit_and_its_median_must_hold() {
        let limited = |values: Vec<f64>| Limited { what: "idle", values, unit: "MiB", most: 2.0 };
        let mut part = Part::default();
        add(&mut part, &[limited(vec![1.0, 3.0, 1.5])]);
        let ratio = part.ratio(("idle", "memory"), "auditrail serve", "limit").unwrap();
        assert_eq!((ratio.median, ratio.max), (0.75, 1.5));
        assert!(judge(&[limited(vec![1.0, 3.0, 1.5])]).is_ok());
        assert!(judge(&[limited(vec![1.0, 3.0, 2.5])]).is_err());
    }
}
