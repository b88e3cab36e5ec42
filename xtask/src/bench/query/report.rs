//! What was measured, as a table for people or as JSON.

use std::fmt::Write as _;
use std::fs;

use super::cases::Case;
use crate::error::{Error, Result};

/// Milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    pub(super) median: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

/// The pages of one search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) case: Case,
    /// Records on the first page.
    pub(super) records: u64,
    pub(super) first: Figures,
    /// The number of a page far on, where there is a second page at all.
    pub(super) deep: Option<(usize, Figures)>,
}

impl Measured {
    /// How many times as long as the other the slower of the two pages took.
    fn ratio(&self) -> Option<f64> {
        let (_, deep) = self.deep?;
        let (low, high) = (deep.median.min(self.first.median), deep.median.max(self.first.median));
        Some(high / low)
    }
}

/// Seconds, records and peak KiB.
pub(super) type Export = (f64, u64, u64);

/// Prints as it goes, except as JSON.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    settings: String,
}

impl Report {
    pub(super) fn start(json: bool, settings: &str) -> Self {
        let report = Self { json, settings: settings.to_owned() };
        if !json {
            println!("{settings}\nload average {}; milliseconds\n", load());
            println!(
                "{:<24} {:<9} {:>7} {:>7} {:>7}   {:>4} {:>7} {:>7} {:>7} {:>6}",
                "filter", "value", "median", "p99", "max", "page", "median", "p99", "max", "ratio"
            );
        }
        report
    }

    pub(super) fn page(&self, measured: &Measured) {
        if self.json {
            return;
        }
        let Measured { case, first, deep, .. } = measured;
        let mut line = format!("{:<24} {:<9} ", case.filter, case.kind.name());
        line += &row(first);
        if let (Some((page, deep)), Some(ratio)) = (deep, measured.ratio()) {
            line += &format!("   {page:>4} {} {ratio:>6.2}", row(deep));
        }
        println!("{line}");
    }

    pub(super) fn end(
        &self,
        pages: &[Measured],
        others: &[(&str, Figures)],
        export: Option<Export>,
    ) {
        if self.json {
            println!("{}", json(&self.settings, pages, others, export));
            return;
        }
        println!();
        for (name, figures) in others {
            println!("{name:<34} {}", row(figures));
        }
        if let Some((seconds, records, kib)) = export {
            println!("export of {records} records in {seconds:.1} s, at most {} MiB", kib / 1_024);
        }
        println!("load average {}", load());
    }
}

fn row(Figures { median, p99, max }: &Figures) -> String {
    format!("{median:>7.2} {p99:>7.2} {max:>7.2}")
}

/// How many programs wanted a processor in the last minute, and longer; empty where nobody says.
fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The names are ours and need no escaping.
fn json(
    settings: &str,
    pages: &[Measured],
    others: &[(&str, Figures)],
    export: Option<Export>,
) -> String {
    let mut out = format!("{{\"settings\": \"{settings}\", \"load\": \"{}\", \"pages\": [", load());
    for (index, Measured { case, records, first, deep }) in pages.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let (filter, kind) = (case.filter, case.kind.name());
        let deep = deep.map_or("null".to_owned(), |(page, figures)| {
            format!("{{\"page\": {page}, \"ms\": {}}}", object(&figures))
        });
        // Writing to text cannot fail.
        let _written = write!(
            out,
            "{comma}\n  {{\"filter\": \"{filter}\", \"value\": \"{kind}\", \"query\": \"{}\", \
             \"records\": {records}, \"first\": {}, \"deep\": {deep}}}",
            case.parameters,
            object(first)
        );
    }
    out += "\n], \"others\": {";
    let others: Vec<_> =
        others.iter().map(|(name, figures)| format!("\"{name}\": {}", object(figures))).collect();
    out += &others.join(", ");
    out += "}";
    if let Some((seconds, records, kib)) = export {
        let _written = write!(
            out,
            ", \"export\": {{\"seconds\": {seconds:.3}, \"records\": {records}, \"peak_kib\": {kib}}}"
        );
    }
    out + "}"
}

fn object(Figures { median, p99, max }: &Figures) -> String {
    format!("{{\"median\": {median:.3}, \"p99\": {p99:.3}, \"max\": {max:.3}}}")
}

/// Fails when a page was too slow.
pub(super) fn judge(pages: &[Measured], at_most: f64) -> Result<()> {
    let slow: Vec<_> = pages
        .iter()
        .filter(|page| page.first.p99.max(page.deep.map_or(0.0, |(_, deep)| deep.p99)) > at_most)
        .map(|page| format!("{} ({})", page.case.filter, page.case.kind.name()))
        .collect();
    match slow.is_empty() {
        true => Ok(()),
        false => Err(Error::Refused(format!("slower than {at_most} ms: {}", slow.join(", ")))),
    }
}
