//! The figures of a part as tables.
//!
//! A workload is a table with its sides as rows and the metrics as columns. Many workloads of one kind, named
//! `kind: variant`, share a table with a row for each.

mod tcp_and_unix;

use super::number::{number, spread};
use crate::harness::measure::Spread;
use crate::result::{Figure, Part};

/// The number of workloads of one kind from which on they share a table.
const MANY: usize = 5;
/// The cell of a figure that was not measured.
const MISSING: &str = "–";

pub(super) fn tables(part: &Part) -> String {
    let mut page = tcp_and_unix::table_of(part);
    let mut done: Vec<&str> = tcp_and_unix::shown(part);
    for workload in workloads(part) {
        if done.contains(&workload) {
            continue;
        }
        let alike = alike(part, workload);
        match kind(part, workload) {
            Some(kind) => {
                let of_kind = |other: &&str| self::kind(part, other) == Some(kind);
                done.extend(workloads(part).into_iter().filter(of_kind));
                page += &by_size(part, kind);
            }
            None if alike.len() > 1 => {
                page += &of_one_metric(part, &alike);
                done.extend(alike);
            }
            None => page += &of_sides(part, workload),
        }
    }
    page
}

fn workloads(part: &Part) -> Vec<&str> {
    unique(part.figures.iter().map(|figure| figure.workload.as_str()))
}

fn of<'a>(part: &'a Part, workload: &str) -> Vec<&'a Figure> {
    part.figures.iter().filter(|figure| figure.workload == workload).collect()
}

/// The workloads with the same single metric on the same sides.
fn alike<'a>(part: &'a Part, workload: &str) -> Vec<&'a str> {
    let form = |workload: &str| {
        let figures = of(part, workload);
        let metrics = unique(figures.iter().map(|f| (f.metric.as_str(), f.unit.as_str())));
        let sides = unique(figures.iter().map(|f| f.side.as_str()));
        (metrics.len() == 1 && sides.len() <= 3).then_some((metrics, sides))
    };
    let Some(expected) = form(workload) else {
        return Vec::new();
    };
    let same = |other: &&str| {
        kind(part, other).is_none() && form(other).is_some_and(|form| form == expected)
    };
    workloads(part).into_iter().filter(same).collect()
}

/// A row for each workload and a column for each side.
fn of_one_metric(part: &Part, workloads: &[&str]) -> String {
    let first = of(part, workloads[0]);
    let (metric, unit) = (&first[0].metric, &first[0].unit);
    let sides = unique(first.iter().map(|figure| figure.side.as_str()));
    let head = [String::new()].into_iter().chain(sides.iter().map(|side| (*side).to_owned()));
    let cell = |workload: &&str, side: &&str| {
        part.figure(workload, side, metric).map_or_else(|| MISSING.to_owned(), cell_of)
    };
    let row = |workload: &&str| {
        let cells = sides.iter().map(|side| cell(workload, side));
        std::iter::once(capital(workload)).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = workloads.iter().map(row).collect();
    let title = capital(&titled(metric, unit));
    format!("### {title}\n\n{}\n", table(&head.collect::<Vec<_>>(), &rows))
}

/// The kind of a workload, if there are [`MANY`] of it.
fn kind<'a>(part: &Part, workload: &'a str) -> Option<&'a str> {
    let (kind, _) = workload.split_once(": ")?;
    let same = |other: &&str| other.split_once(": ").is_some_and(|(other, _)| other == kind);
    (workloads(part).iter().filter(|other| same(other)).count() >= MANY).then_some(kind)
}

/// One workload: a row for each side.
fn of_sides(part: &Part, workload: &str) -> String {
    let figures = of(part, workload);
    let sides = unique(figures.iter().map(|f| f.side.as_str()));
    let columns = unique(figures.iter().map(|f| (f.metric.as_str(), f.unit.as_str())));
    let timed =
        columns.iter().find(|(_, unit)| unit.ends_with("/s") || ["ms", "µs"].contains(unit));
    let compared = timed.filter(|_| sides.len() > 1).map(|(metric, _)| *metric);
    let mut head = vec!["side".to_owned()];
    head.extend(columns.iter().map(|(metric, unit)| titled(metric, unit)));
    head.extend(compared.map(|metric| format!("{metric} of auditrail to it")));
    let mut rows = Vec::new();
    for side in &sides {
        let mut row = vec![(*side).to_owned()];
        for (metric, unit) in &columns {
            let is_it = |f: &&&Figure| f.side == *side && f.metric == *metric && f.unit == *unit;
            row.push(figures.iter().find(is_it).map_or_else(|| MISSING.to_owned(), |f| cell_of(f)));
        }
        row.extend(compared.map(|metric| {
            let ours = ours(&sides, side);
            ours.map_or_else(
                || MISSING.to_owned(),
                |ours| ratio(part, (workload, metric), ours, side),
            )
        }));
        rows.push(row);
    }
    format!("### {}\n\n{}\n", capital(workload), table(&head, &rows))
}

/// The side of Auditrail that a side is compared with: that of the same size.
fn ours<'a>(sides: &[&'a str], side: &str) -> Option<&'a str> {
    let is_ours = |side: &str| side.starts_with("auditrail");
    let same = |other: &&&str| is_ours(other) && size_of(other) == size_of(side);
    sides.iter().find(same).copied().filter(|_| !is_ours(side))
}

/// The ratio of one side's figure to the other's.
fn ratio(part: &Part, (workload, metric): (&str, &str), one: &str, other: &str) -> String {
    let rounds = part.figure(workload, other, metric).map_or(0, |figure| figure.rounds.len());
    let ratio = part.ratio((workload, metric), one, other);
    let ratio = ratio.filter(|ratio| (ratio.max - ratio.min).is_finite());
    ratio.map_or_else(|| MISSING.to_owned(), |ratio| spread(ratio, rounds))
}

/// Many workloads of one kind: a table for each size in the names of the sides, with medians, and the ratio
/// of p99 or of the last metric.
fn by_size(part: &Part, kind: &str) -> String {
    let prefix = format!("{kind}: ");
    let of_kind = |figure: &&Figure| figure.workload.starts_with(&prefix);
    let figures: Vec<_> = part.figures.iter().filter(of_kind).collect();
    let mut page = String::new();
    for size in unique(figures.iter().map(|f| size_of(&f.side))) {
        let of_size: Vec<_> =
            figures.iter().copied().filter(|f| size_of(&f.side) == size).collect();
        // Workloads without p99 have a table of their own.
        for unit in unique(of_size.iter().map(|f| is_tail(part, f))) {
            let figures: Vec<_> =
                of_size.iter().copied().filter(|f| is_tail(part, f) == unit).collect();
            let title = if size.is_empty() { kind.to_owned() } else { format!("{kind}, {size}") };
            let title = if unit { title } else { format!("{title}: other requests") };
            page +=
                &format!("### {}\n\n{}\n", capital(&title), wide(part, &prefix, size, &figures));
        }
    }
    page
}

/// Whether its workload has a p99.
fn is_tail(part: &Part, figure: &Figure) -> bool {
    part.figure(&figure.workload, &figure.side, "p99").is_some()
}

fn wide(part: &Part, prefix: &str, size: &str, figures: &[&Figure]) -> String {
    let sides = unique(figures.iter().map(|f| f.side.as_str()));
    let columns =
        unique(figures.iter().map(|f| (f.side.as_str(), f.metric.as_str(), f.unit.as_str())));
    let who =
        |side: &str| side.strip_suffix(size).unwrap_or(side).trim_end_matches(", ").to_owned();
    let mut head = vec![String::new()];
    let named = columns.iter().map(|(side, metric, unit)| (who(side), titled(metric, unit)));
    head.extend(named.map(|(side, metric)| format!("{side}, {metric}")));
    let tail = columns.iter().map(|(_, metric, _)| *metric).find(|metric| *metric == "p99");
    let last = tail.or(columns.last().map(|(_, metric, _)| *metric));
    let compared = last.filter(|_| sides.len() == 2);
    head.extend(compared.map(|metric| format!("ratio of {metric}")));
    let mut rows = Vec::new();
    for workload in unique(figures.iter().map(|f| f.workload.as_str())) {
        let mut row = vec![workload[prefix.len()..].to_owned()];
        for (side, metric, _) in &columns {
            let figure = part.figure(workload, side, metric);
            let median = figure.map(|f| f.spread().median);
            row.push(median.map_or_else(|| MISSING.to_owned(), number));
        }
        row.extend(compared.map(|m| ratio(part, (workload, m), sides[0], sides[1])));
        rows.push(row);
    }
    table(&head, &rows)
}

/// `10,000,000 records` of `auditrail, 10,000,000 records`; empty without a size.
fn size_of(side: &str) -> &str {
    match side.split_once(", ") {
        Some((_, size)) if size.starts_with(|c: char| c.is_ascii_digit()) => size,
        _ => "",
    }
}

/// The ratio of one figure to another, round by round.
fn ratios(figure: &Figure, to: &Figure) -> String {
    let ratios = figure.ratios(to);
    if ratios.iter().all(|ratio| ratio.is_finite()) && !ratios.is_empty() {
        spread(Spread::of(ratios.iter().copied()), ratios.len())
    } else {
        MISSING.to_owned()
    }
}

fn cell_of(figure: &Figure) -> String {
    spread(figure.spread(), figure.rounds.len())
}

fn titled(metric: &str, unit: &str) -> String {
    if unit.is_empty() { metric.to_owned() } else { format!("{metric}, {unit}") }
}

pub(super) fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | ").replace('\n', " "));
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let rows: String = rows.iter().map(|row| line(row)).collect();
    line(head) + &rule + &rows
}

pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn unique<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in all {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}
