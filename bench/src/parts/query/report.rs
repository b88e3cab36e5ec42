//! Results on the terminal.

use super::cases::Case;
use super::filled::Filled;
use super::{Args, grouped};
use crate::harness::measure::Spread;
use crate::result::Part;
use xtask::error::{Error, Result};

/// The required ratio of a page to bare SQL.
const BY_BARE: f64 = 1.3;
/// The required ratio of a page in the largest log to the same in the smallest.
const BY_SMALLEST: f64 = 1.5;

pub(super) fn head(logs: &[Filled]) {
    println!("\np99 in milliseconds: auditrail, bare SQL, and the first by the second; medians\n");
    print!("{:<24} {:<9} {:<7}", "filter", "value", "page");
    for log in logs {
        print!(" | {:>24}", grouped(log.records));
    }
    println!();
}

/// One search, at all sizes.
pub(super) fn case(part: &Part, case: &Case, logs: &[Filled]) {
    for page in ["first", "far on"] {
        let workload = case.workload("warm", page);
        let cells: Vec<_> = logs.iter().map(|log| cell(part, &workload, "p99", log)).collect();
        if cells.iter().any(Option::is_some) {
            print!("{:<24} {:<9} {page:<7}", case.filter, case.kind.name());
            for cell in cells {
                print!(" | {:>24}", cell.unwrap_or_default());
            }
            println!();
        }
    }
}

/// The lower bounds of a page.
pub(super) fn least(part: &Part, log: &Filled) {
    for (workload, name) in [
        ("nothing but HTTP", "auditrail"),
        ("a record that is not there", "auditrail"),
        ("a record that is not there", "bare SQL"),
    ] {
        let side = log.side(name);
        let p50 = part.figure(&format!("warm: {workload}"), &side, "p50");
        if let Some(p50) = p50.map(|figure| Spread::of(figure.rounds.iter().copied()).median) {
            println!("{workload:<28} {side:<32} median {p50:>6.2} ms");
        }
    }
}

/// All searches after a cold start.
pub(super) fn cold(part: &Part, cases: &[&Case], logs: &[Filled]) {
    for case in cases {
        let workload = case.workload("cold", "first");
        print!("{:<24} {:<9} {:<7}", case.filter, case.kind.name(), "first");
        for log in logs {
            print!(" | {:>24}", cell(part, &workload, "time", log).unwrap_or_default());
        }
        println!();
    }
}

fn cell(part: &Part, workload: &str, metric: &str, log: &Filled) -> Option<String> {
    let (ours, bare) = (log.side("auditrail"), log.side("bare SQL"));
    let middle =
        |side| part.figure(workload, side, metric).map(|f| Spread::of(f.rounds.clone()).median);
    let ratio = part.ratio((workload, metric), &ours, &bare)?.median;
    Some(format!("{:>8.2} {:>8.2} {ratio:>6.2}", middle(&ours)?, middle(&bare)?))
}

/// How many of the warm pages are within the required ratios.
#[derive(Debug, Default, PartialEq)]
struct Verdicts {
    /// Pages in all logs, and those within [`BY_BARE`].
    by_bare: (u32, u32),
    /// Pages that are in the smallest and in the largest log, and those within [`BY_SMALLEST`].
    by_smallest: (u32, u32),
    /// The highest figure of auditrail in milliseconds, and its page.
    slowest: (f64, String),
}

impl Verdicts {
    fn count(part: &Part, metric: &str, sizes: &[u64]) -> Self {
        let mut verdicts = Self::default();
        let side = |name: &str, size: u64| format!("{name}, {} records", grouped(size));
        let note = |(all, within): &mut (u32, u32), ratio: Option<Spread>, most: f64| {
            if let Some(ratio) = ratio {
                *all += 1;
                *within += u32::from(ratio.median <= most);
            }
        };
        let is_page = |workload: &str| workload.ends_with(" page");
        let pages = part.figures.iter().filter(|figure| is_page(&figure.workload));
        for figure in pages.filter(|figure| figure.metric == metric) {
            let what = (figure.workload.as_str(), metric);
            for size in sizes.iter().filter(|size| figure.side == side("auditrail", **size)) {
                let ratio = part.ratio(what, &figure.side, &side("bare SQL", *size));
                note(&mut verdicts.by_bare, ratio, BY_BARE);
                let median = Spread::of(figure.rounds.clone()).median;
                if median > verdicts.slowest.0 {
                    verdicts.slowest = (median, format!("{}, {}", figure.workload, figure.side));
                }
            }
            if let [smallest, .., largest] = sizes
                && figure.side == side("auditrail", *largest)
            {
                let ratio = part.ratio(what, &figure.side, &side("auditrail", *smallest));
                note(&mut verdicts.by_smallest, ratio, BY_SMALLEST);
            }
        }
        verdicts
    }
}

/// Prints how many pages are within the ratios, and fails if fewer than required are.
pub(super) fn judge(part: &Part, args: &Args) -> Result<()> {
    println!();
    for metric in ["p50", "p99"] {
        let Verdicts { by_bare, by_smallest, .. } = Verdicts::count(part, metric, &args.records);
        println!(
            "{metric}: {} of {} warm pages are within {BY_BARE} of bare SQL",
            by_bare.1, by_bare.0
        );
        if by_smallest.0 > 0 {
            println!(
                "{metric}: {} of {} warm pages of the largest log are within {BY_SMALLEST} of the smallest",
                by_smallest.1, by_smallest.0
            );
        }
    }
    let Verdicts { by_bare, slowest, .. } = Verdicts::count(part, "p99", &args.records);
    println!("\nslowest p99: {:.1} ms, {}", slowest.0, slowest.1);
    if let Some(most) = args.at_most_ms.filter(|most| slowest.0 > *most) {
        return Err(Error::Refused(format!("{} is slower than {most} ms", slowest.1)));
    }
    let share = f64::from(by_bare.1) / f64::from(by_bare.0.max(1));
    match args.share_at_least.filter(|least| share < *least) {
        Some(least) => Err(Error::Refused(format!(
            "{share:.2} of the pages are within {BY_BARE} of bare SQL, required are {least}"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_within_ratios_are_counted() {
        let mut part = Part::default();
        let mut add =
            |workload: &str, side: &str, value| part.add(workload, side, ("p99", "ms"), value);
        for (side, value) in [
            ("auditrail, 1,000 records", 1.2),
            ("bare SQL, 1,000 records", 1.0),
            ("auditrail, 2,000 records", 1.9),
            ("bare SQL, 2,000 records", 1.0),
        ] {
            add("one page", side, value);
        }
        add("two page", "auditrail, 2,000 records", 1.0);
        add("two page", "bare SQL, 2,000 records", 1.0);
        add("another", "auditrail, 2,000 records", 9.0);
        let slowest = (1.9, "one page, auditrail, 2,000 records".to_owned());
        let expected = Verdicts { by_bare: (3, 2), by_smallest: (1, 0), slowest };
        assert_eq!(Verdicts::count(&part, "p99", &[1_000, 2_000]), expected);
        assert_eq!(Verdicts::count(&part, "p99", &[2_000]).by_smallest, (0, 0));
    }
}
