//! docs/performance.md.

use std::fmt::Write as _;

use super::Words;
use super::tables::{capital, table, tables};
use super::targets::{Found, TARGETS};
use crate::result::Part;

const INTRODUCTION: &str = "\
# Performance

Auditrail beside what one would write or take instead, and beside the limits of PostgreSQL on the same
machine: the same records into the same table with the same indexes, with `fsync` and
`synchronous_commit` on, one side after the other in every round. PostgreSQL is reached over TCP
unless a title or a setting names another connection. Ratios are taken round by round, so that what a
shared machine does to one side it does to the other. A figure is the median of the rounds, with the
lowest and the highest in brackets.

No figure here was typed: `cargo xtask bench report` makes this page of `bench/results.json`, and a
test does so again and compares.

```sh
cargo xtask bench          # every part, then this page
cargo xtask bench quick    # a few ratios in under three minutes, against the committed ones
cargo xtask bench report   # this page, from what was measured last
```

![Records a second, by server and by limit](performance.svg)
";

/// What holds whatever the machine, and is tested where it is counted.
const ROUND_TRIPS: &str = include_str!("../../round-trips.md");

/// What each part is about; a part of another name is called by it.
const TITLES: [(&str, &str); 12] = [
    ("limits", "The limits"),
    ("network", "Over a network"),
    ("floor", "The floor: HTTP and JSON alone"),
    ("write", "Writing"),
    ("loss", "Killing it while it writes"),
    ("transaction", "Writing in the caller's transaction"),
    ("rows", "Recording changes of rows, and records in SQL"),
    ("layer", "Recording requests"),
    ("query", "Searching"),
    ("import", "Importing"),
    ("growth", "Writing to a large log"),
    ("serve", "Starting, and memory"),
];

pub(super) fn render(parts: &[Part], words: &Words) -> String {
    let mut page = INTRODUCTION.to_owned();
    page += "\n## What was to be reached\n\n";
    page += &verdicts(parts, words);
    let common = common(parts);
    page += "\n## Machine, versions and settings\n\n";
    if common.is_empty() {
        page += "Nothing was measured.\n";
    } else {
        let row = |(name, value): &(String, String)| vec![name.clone(), value.clone()];
        let rows: Vec<_> = common.iter().map(row).collect();
        page += &table(&["what".to_owned(), "which".to_owned()], &rows);
    }
    page += "\n";
    page += ROUND_TRIPS.trim_end();
    page += "\n";
    for part in parts {
        page += &section(part, &common, words);
    }
    page
}

fn verdicts(parts: &[Part], words: &Words) -> String {
    let head = ["what", "asked for", "measured", ""].map(str::to_owned);
    let rows: Vec<_> = TARGETS
        .iter()
        .map(|target| {
            let found = target.find(parts);
            let verdict = match &found {
                Found::Missing(why) => why.clone(),
                _ if found.is_reached() => "reached".to_owned(),
                Found::Measured { .. } => match words.causes.get(target.key) {
                    Some(cause) => format!("**not reached**: {}", cause.trim()),
                    None => "**not reached**; the cause has not been shown yet".to_owned(),
                },
            };
            vec![capital(target.what), target.bound.words(), found.words(), verdict]
        })
        .collect();
    table(&head, &rows)
}

/// What several parts ran on and with, and none otherwise.
fn common(parts: &[Part]) -> Vec<(String, String)> {
    let mut common: Vec<(String, String)> = Vec::new();
    for setting in parts.iter().flat_map(|part| &part.settings) {
        let of_name = parts.iter().flat_map(|part| &part.settings).filter(|s| s.0 == setting.0);
        let (mut same, mut other) = (0, 0);
        of_name.for_each(|s| if s.1 == setting.1 { same += 1 } else { other += 1 });
        if same >= parts.len().min(2) && other == 0 && !common.contains(setting) {
            common.push(setting.clone());
        }
    }
    common
}

fn section(part: &Part, common: &[(String, String)], words: &Words) -> String {
    let title = TITLES.iter().find(|(name, _)| *name == part.name);
    let title = title.map_or_else(|| capital(&part.name), |(_, title)| (*title).to_owned());
    let mut out = format!("\n## {title}\n\n```sh\ncargo xtask bench {}\n```\n\n", part.name);
    let own: Vec<_> = part.settings.iter().filter(|setting| !common.contains(setting)).collect();
    if !own.is_empty() {
        let own: Vec<_> = own.iter().map(|(name, value)| format!("{name} {value}")).collect();
        out += &format!("Measured with {}.\n\n", own.join("; "));
    }
    for note in &part.notes {
        // Writing to text cannot fail.
        let _written = writeln!(out, "- {note}");
    }
    if !part.notes.is_empty() {
        out.push('\n');
    }
    out += tables(part).trim_end();
    out.push('\n');
    if let Some(more) = words.parts.get(&part.name) {
        out += &format!("\n{}\n", more.trim());
    }
    out
}
