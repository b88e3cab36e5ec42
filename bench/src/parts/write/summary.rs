//! The results as a table on the terminal.

use crate::harness::measure::Spread;
use crate::harness::peers::Side;
use crate::result::Part;

/// Medians that are shown beside the rate.
const COLUMNS: [&str; 6] = ["p50", "p99", "max", "cpu", "postgres cpu", "client cpu"];

pub(super) fn print(part: &Part) {
    for line in lines(part) {
        println!("{line}");
    }
}

fn lines(part: &Part) -> Vec<String> {
    let mut lines = Vec::new();
    let mut workloads: Vec<&str> = Vec::new();
    for figure in part.figures.iter().filter(|figure| figure.metric == "rate") {
        if !workloads.contains(&figure.workload.as_str()) {
            workloads.push(&figure.workload);
        }
    }
    for workload in workloads {
        lines.push(format!(
            "\n{workload}\n  {:<26} {:>9} {:>19}  {:>7} {:>7} {:>8}  {:>7} {:>7} {:>7}  auditrail is",
            "", "records/s", "lowest to highest", "p50 ms", "p99 ms", "max ms", "cpu ms", "pg ms", "load ms"
        ));
        let figures = part.figures.iter().filter(|f| f.metric == "rate" && f.workload == workload);
        lines.extend(figures.map(|figure| line(part, workload, &figure.side)));
    }
    lines.extend(others(part));
    lines
}

fn line(part: &Part, workload: &str, side: &str) -> String {
    let median = |metric| {
        let figure = part.figure(workload, side, metric)?;
        Some(Spread::of(figure.rounds.iter().copied()).median)
    };
    let [p50, p99, max, cpu, postgres, client] = COLUMNS.map(|metric| {
        // Processor time is in seconds, and shown in milliseconds.
        let scale = if metric.ends_with("cpu") { 1_000.0 } else { 1.0 };
        median(metric).map_or_else(|| "-".to_owned(), |value| format!("{:.2}", value * scale))
    });
    let rates = part.figure(workload, side, "rate").map(|figure| figure.rounds.clone());
    let Spread { min, median: rate, max: most } = Spread::of(rates.unwrap_or_default());
    let range = format!("{min:.0} to {most:.0}");
    let ours = Side::Ours.name();
    let times = part.ratio((workload, "rate"), ours, side).filter(|_| side != ours);
    let times = times.map_or_else(String::new, |Spread { min, median, max }| {
        format!("{median:.2} times ({min:.2} to {max:.2})")
    });
    format!(
        "  {side:<26} {rate:>9.0} {range:>19}  {p50:>7} {p99:>7} {max:>8}  {cpu:>7} {postgres:>7} {client:>7}  {times}"
    )
}

/// Start-up, memory, and reads.
fn others(part: &Part) -> Vec<String> {
    let of = |metric: &str, what: &str| {
        let figures: Vec<_> = part.figures.iter().filter(|f| f.metric == metric).collect();
        let unit = figures.first().map(|figure| figure.unit.clone());
        let one = |side: &str, rounds: &[f64]| {
            format!("{side} {:.0}", Spread::of(rounds.iter().copied()).median)
        };
        let all: Vec<_> = figures.iter().map(|figure| one(&figure.side, &figure.rounds)).collect();
        unit.map(|unit| format!("{what}, {unit}: {}", all.join(", ")))
    };
    let metrics = [
        ("first record", "\nfrom start to the first record"),
        ("memory", "most memory with 64 connections"),
        ("reads", "reads in mixed work"),
        ("read p99", "p99 of these reads"),
    ];
    metrics.into_iter().filter_map(|(metric, title)| of(metric, title)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_has_a_line_with_the_ratio() {
        let mut part = Part::default();
        for (ours, theirs) in [(4_000.0, 2_000.0), (9_000.0, 3_000.0)] {
            part.add("single", "auditrail", ("rate", "records/s"), ours);
            part.add("single", "fastify + pg", ("rate", "records/s"), theirs);
        }
        part.add("single", "auditrail", ("cpu", "s per 1,000 records"), 0.05);
        part.add("start-up", "auditrail", ("first record", "ms"), 31.0);
        let lines = lines(&part);
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[1].contains("6500") && lines[1].contains("50.00"), "{}", lines[1]);
        assert!(lines[2].ends_with("2.50 times (2.00 to 3.00)"), "{}", lines[2]);
        assert_eq!(lines[3], "\nfrom start to the first record, ms: auditrail 31");
    }
}
