//! `cargo xtask bench report`: docs/performance.md and its chart, from the results of the parts.
//!
//! The figures are committed in `bench/results.json`, and a test renders the page from them and compares,
//! so no figure can be edited by hand. The causes of missed targets are written by people, in
//! `bench/causes.toml`.

mod chart;
mod number;
mod page;
mod tables;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::result::PARTS;
use crate::result::{Figure, Part};
use targets::TARGETS;
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

const RESULTS: &str = "bench/results.json";
const CAUSES: &str = "bench/causes.toml";
const PAGE: &str = "docs/performance.md";
const CHART: &str = "docs/performance.svg";

/// Write docs/performance.md and its chart from what was measured last.
///
/// The saved results of a part replace its committed figures; other parts keep theirs.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// The committed figures of all parts.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Results {
    parts: Vec<Part>,
}

/// Text of the page that is written by people.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    /// The cause of a missed target, by its key.
    #[serde(default)]
    causes: BTreeMap<String, String>,
    /// Markdown for the end of a section, by the name of its part.
    #[serde(default)]
    parts: BTreeMap<String, String>,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let root = workspace.root();
    let mut results = Results::committed(root)?;
    for name in PARTS {
        if let Some(part) = Part::load(workspace, name)? {
            results.replace(part);
        }
    }
    write(&root.join(RESULTS), &results.json()?)?;
    // Read back, because the page is rendered from the rounded figures.
    let results = Results::committed(root)?;
    let words = Words::read(root)?;
    write(&root.join(PAGE), &page::render(&results.parts, &words))?;
    write(&root.join(CHART), &chart::render(&results.parts))?;
    println!("wrote {PAGE}, {CHART} and {RESULTS}");
    for target in TARGETS {
        let outcome = target.evaluate(&results.parts);
        let (verdict, bound) = (outcome.verdict(), target.bound.text());
        println!("{verdict:<12} {:<26} {bound:<6} {}", target.key, outcome.text());
    }
    Ok(())
}

/// Prints the verdicts on the targets of one part, and fails if one is missed.
pub(super) fn judge(part: &Part) -> Result<()> {
    println!();
    let mut missed = Vec::new();
    for target in TARGETS.iter().filter(|target| target.part == part.name) {
        let outcome = target.evaluate(std::slice::from_ref(part));
        let (verdict, bound) = (outcome.verdict(), target.bound.text());
        println!("{verdict:<12} {bound:<6} {:<32} {}", outcome.text(), target.description);
        if outcome.is_missed() {
            missed.push(target.key);
        }
    }
    if missed.is_empty() {
        Ok(())
    } else {
        Err(Error::Refused(format!("targets missed: {}", missed.join(", "))))
    }
}

impl Results {
    fn committed(root: &Path) -> Result<Self> {
        let file = root.join(RESULTS);
        match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|error| Error::Refused(format!("{RESULTS} cannot be read: {error}"))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::doing(format!("read {RESULTS}"))(error)),
        }
    }

    /// Replaces the figures of a part; parts stay in the order of [`PARTS`].
    fn replace(&mut self, mut part: Part) {
        for figure in &mut part.figures {
            figure.rounds.iter_mut().for_each(|round| *round = number::rounded(*round));
        }
        for (_, value) in part.settings.iter_mut().filter(|(name, _)| name == "PostgreSQL") {
            // Without the suffix that a distribution adds to the version.
            value.truncate(value.find(' ').unwrap_or(value.len()));
        }
        self.parts.retain(|old| old.name != part.name);
        self.parts.push(part);
        let position = |part: &Part| PARTS.iter().position(|name| *name == part.name);
        self.parts.sort_by_key(|part| position(part).unwrap_or(PARTS.len()));
    }

    /// One line for each figure, so that diffs are readable.
    fn json(&self) -> Result<String> {
        let mut parts = Vec::new();
        for Part { name, settings, figures, notes } in &self.parts {
            let figures: Vec<_> = figures.iter().map(one_line::<Figure>).collect::<Result<_>>()?;
            parts.push(format!(
                "{{\"name\": {}, \"settings\": {}, \"notes\": {}, \"figures\": [\n{}\n]}}",
                one_line(name)?,
                one_line(settings)?,
                one_line(notes)?,
                figures.join(",\n")
            ));
        }
        Ok(format!("{{\"parts\": [\n{}\n]}}\n", parts.join(",\n")))
    }
}

fn one_line<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::Refused(format!("cannot serialize a figure: {error}")))
}

impl Words {
    fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(CAUSES));
        Self::parse(&text.map_err(Error::doing(format!("read {CAUSES}")))?)
    }

    fn parse(text: &str) -> Result<Self> {
        let words: Self = toml::from_str(text)
            .map_err(|error| Error::Refused(format!("{CAUSES} cannot be read: {error}")))?;
        let known = |key: &&String| TARGETS.iter().any(|target| target.key == key.as_str());
        match words.causes.keys().find(|key| !known(key)) {
            Some(key) => Err(Error::Refused(format!("{CAUSES}: there is no target `{key}`"))),
            None => Ok(words),
        }
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(Error::doing(format!("write {}", file.display())))
}
