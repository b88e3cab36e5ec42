//! Figures, each with the limit it must keep.

use crate::harness::measure::Spread;
use crate::result::Part;
use xtask::error::{Error, Result};

/// Something that was measured and the limit it must keep.
pub(super) struct Limited {
    pub(super) what: &'static str,
    /// Each time it was measured; the median must keep the limit.
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
    "Memory under load is the highest the system has seen of a process that was started for that load \
     alone; idle memory is what it holds three seconds after it was ready.",
    "The time to ready is from its start to its first 200 at /readyz, with the database up.",
    "Each limit is one that is promised; the run fails when a median is over it.",
];

/// Every figure, and beside it its limit, as often as it was measured.
pub(super) fn add(part: &mut Part, measured: &[Limited]) {
    for Limited { what, values, unit, most } in measured {
        let metric = if *unit == "ms" { "time" } else { "memory" };
        for value in values {
            part.add(what, "auditrail serve", (metric, unit), *value);
            part.add(what, "limit", (metric, unit), *most);
        }
    }
}

/// Shows all medians beside their limits, and fails when one is over it.
pub(super) fn judge(measured: &[Limited]) -> Result<()> {
    println!();
    let mut over = Vec::new();
    for limited in measured {
        let Limited { what, unit, most, .. } = limited;
        let value = limited.median();
        let kept = value <= *most;
        println!(
            "{what:<36} {value:>7.1} {unit:<4} of {most:>4}   {}",
            if kept { "kept" } else { "OVER" }
        );
        over.extend((!kept).then_some(*what));
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
