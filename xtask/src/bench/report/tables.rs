//! The figures of a part as tables, whatever it measured.
//!
//! A workload is a table: its sides are the rows and what was measured the columns. Many workloads of
//! one kind, named `kind: which`, are one table instead, with a row for each.

use super::number::{number, spread};
use crate::bench::measure::Spread;
use crate::bench::result::{Figure, Part};

/// So many workloads of one kind share a table.
const MANY: usize = 5;

pub(super) fn tables(part: &Part) -> String {
    let mut page = String::new();
    let mut done: Vec<&str> = Vec::new();
    for workload in unique(part.figures.iter().map(|figure| figure.workload.as_str())) {
        match kind(part, workload) {
            Some(kind) if done.contains(&kind) => {}
            Some(kind) => {
                done.push(kind);
                page += &by_size(part, kind);
            }
            None => page += &of_sides(part, workload),
        }
    }
    page
}

/// The kind of which there are many.
fn kind<'a>(part: &Part, workload: &'a str) -> Option<&'a str> {
    let (kind, _) = workload.split_once(": ")?;
    let same = |other: &&str| other.split_once(": ").is_some_and(|(other, _)| other == kind);
    let all = unique(part.figures.iter().map(|figure| figure.workload.as_str()));
    (all.iter().filter(|other| same(other)).count() >= MANY).then_some(kind)
}

/// One workload: a row for each side.
fn of_sides(part: &Part, workload: &str) -> String {
    let figures: Vec<_> = part.figures.iter().filter(|f| f.workload == workload).collect();
    let sides = unique(figures.iter().map(|f| f.side.as_str()));
    let columns = unique(figures.iter().map(|f| (f.metric.as_str(), f.unit.as_str())));
    let ours = sides.iter().find(|side| side.starts_with("auditrail")).copied();
    let compared = ours.filter(|_| sides.len() > 1).zip(columns.first().map(|(metric, _)| *metric));
    let mut head = vec!["side".to_owned()];
    head.extend(columns.iter().map(|(metric, unit)| titled(metric, unit)));
    head.extend(compared.map(|(ours, metric)| format!("{metric} of {ours} to it")));
    let mut rows = Vec::new();
    for side in &sides {
        let mut row = vec![(*side).to_owned()];
        for (metric, unit) in &columns {
            let is_it = |f: &&&Figure| f.side == *side && f.metric == *metric && f.unit == *unit;
            row.push(figures.iter().find(is_it).map_or_else(|| "–".to_owned(), |f| told(f)));
        }
        row.extend(compared.map(|(ours, metric)| {
            let ratio = part.ratio((workload, metric), ours, side).filter(|_| *side != ours);
            ratio.filter(|r| r.median.is_finite()).map_or_else(|| "–".to_owned(), |r| spread(r, 2))
        }));
        rows.push(row);
    }
    format!("### {}\n\n{}\n", capital(workload), table(&head, &rows))
}

/// Many workloads of one kind: a table for each size that the sides name, medians only but for the
/// ratio of the last thing measured.
fn by_size(part: &Part, kind: &str) -> String {
    let prefix = format!("{kind}: ");
    let of_kind = |figure: &&Figure| figure.workload.starts_with(&prefix);
    let figures: Vec<_> = part.figures.iter().filter(of_kind).collect();
    let mut page = String::new();
    for size in unique(figures.iter().map(|f| size_of(&f.side))) {
        let figures: Vec<_> =
            figures.iter().copied().filter(|f| size_of(&f.side) == size).collect();
        let sides = unique(figures.iter().map(|f| f.side.as_str()));
        let columns =
            unique(figures.iter().map(|f| (f.side.as_str(), f.metric.as_str(), f.unit.as_str())));
        let who =
            |side: &str| side.strip_suffix(size).unwrap_or(side).trim_end_matches(", ").to_owned();
        let mut head = vec![kind.to_owned()];
        head.extend(
            columns
                .iter()
                .map(|(side, metric, unit)| format!("{}, {}", who(side), titled(metric, unit))),
        );
        let last = columns.last().map(|(_, metric, _)| *metric);
        let compared = last.filter(|_| sides.len() == 2);
        head.extend(compared.map(|metric| format!("ratio of {metric}")));
        let mut rows = Vec::new();
        for workload in unique(figures.iter().map(|f| f.workload.as_str())) {
            let mut row = vec![workload[prefix.len()..].to_owned()];
            for (side, metric, _) in &columns {
                let figure = part.figure(workload, side, metric);
                let median = figure.map(|f| Spread::of(f.rounds.iter().copied()).median);
                row.push(median.map_or_else(|| "–".to_owned(), number));
            }
            row.extend(compared.map(|metric| {
                let ratio = part.ratio((workload, metric), sides[0], sides[1]);
                ratio.map_or_else(|| "–".to_owned(), |ratio| spread(ratio, 2))
            }));
            rows.push(row);
        }
        let title = if size.is_empty() { kind.to_owned() } else { format!("{kind}, {size}") };
        page += &format!("### {}\n\n{}\n", capital(&title), table(&head, &rows));
    }
    page
}

/// `10,000,000 records` of `auditrail, 10,000,000 records`; nothing where no size is named.
fn size_of(side: &str) -> &str {
    match side.split_once(", ") {
        Some((_, size)) if size.starts_with(|c: char| c.is_ascii_digit()) => size,
        _ => "",
    }
}

fn told(figure: &Figure) -> String {
    spread(Spread::of(figure.rounds.iter().copied()), figure.rounds.len())
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
    let mut found = Vec::new();
    for one in all {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}
