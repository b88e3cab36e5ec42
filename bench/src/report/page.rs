//! docs/performance.md.

use std::fmt::Write as _;

use super::Words;
use super::tables::{capital, table, tables};
use super::targets::TARGETS;
use crate::result::Part;

const INTRODUCTION: &str = "\
# Performance

For those who choose or operate Auditrail: how many records it takes, how fast it searches, what it costs
beside the alternatives and beside the limits of PostgreSQL, and which targets it misses and why.

All sides write the same records into the same table with the same indexes, on the same machine with
`fsync` and `synchronous_commit` on, one right after the other in every round. PostgreSQL is reached over
TCP unless a title or a setting names another connection. Ratios are taken round by round, so that load
from other programs affects both sides alike. Figures are medians of the rounds, with the lowest and the
highest in brackets.

`cargo xtask bench report` generates this page from `bench/results.json`; a test compares the two.

```sh
cargo xtask bench          # every part, then this page
cargo xtask bench quick    # a few ratios in under three minutes, against the committed ones
cargo xtask bench report   # this page, from what was measured last
```

![Records a second, by server and by limit](performance.svg)
";

/// For a missed target without an entry in bench/causes.toml.
const UNKNOWN_CAUSE: &str = "the cause is not known yet";

/// Independent of the machine; a test of the server counts them.
const ROUND_TRIPS: &str = include_str!("../../round-trips.md");

/// The titles of the sections, by part; a part without one is titled by its name.
const TITLES: [(&str, &str); 13] = [
    ("limits", "The limits"),
    ("network", "Over a network"),
    ("floor", "The floor: HTTP and JSON alone"),
    ("write", "Writing"),
    ("loss", "Killing it while it writes"),
    ("soak", "Among hostile clients"),
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
    page += "\n## Targets\n\n";
    page += &targets(parts, words);
    let common = common(parts);
    page += "\n## Machine, versions and settings\n\n";
    if common.is_empty() {
        page += "Nothing has been measured.\n";
    } else {
        let row = |(name, value): &(String, String)| vec![name.clone(), value.clone()];
        let rows: Vec<_> = common.iter().map(row).collect();
        page += &table(&["setting".to_owned(), "value".to_owned()], &rows);
    }
    page += "\n";
    page += ROUND_TRIPS.trim_end();
    page += "\n";
    for part in parts {
        page += &section(part, &common, words);
    }
    page
}

/// The verdicts as a table, and below it a paragraph for each missed target.
fn targets(parts: &[Part], words: &Words) -> String {
    let head = ["target", "required", "measured", "verdict"].map(str::to_owned);
    let (mut rows, mut paragraphs) = (Vec::new(), String::new());
    for target in TARGETS {
        let outcome = target.evaluate(parts);
        let title = capital(target.description);
        if outcome.is_missed() {
            let cause = words.causes.get(target.key).map_or(UNKNOWN_CAUSE, |cause| cause.trim());
            paragraphs += &format!("\n*{title}*: {}.\n", cause.trim_end_matches('.'));
        }
        let verdict = outcome.verdict().to_owned();
        rows.push(vec![title, target.bound.text(), outcome.text(), verdict]);
    }
    let mut section = table(&head, &rows);
    if !paragraphs.is_empty() {
        section += "\n### Why targets are missed\n";
        section += &paragraphs;
    }
    section
}

/// The settings that at least two parts share and no part contradicts.
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
        // Writing to a String cannot fail.
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
