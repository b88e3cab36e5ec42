//! `cargo xtask bench report`: docs/performance.md and its chart, from what the parts have left.
//!
//! The figures that the page is made of are committed beside it, and a test makes the page of them
//! anew: no figure in it was typed by hand. Words that a program cannot find, why a target is not
//! reached, are in `bench/causes.toml` and stay there.

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
use targets::{Found, TARGETS};
use xtask::error::{Error, Result};
use xtask::workspace::Workspace;

const RESULTS: &str = "bench/results.json";
const CAUSES: &str = "bench/causes.toml";
const PAGE: &str = "docs/performance.md";
const CHART: &str = "docs/performance.svg";

/// Write docs/performance.md and its chart from what was measured last.
///
/// A part that was measured since replaces the committed figures of that part; the others stay.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// The committed figures of all parts.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Results {
    parts: Vec<Part>,
}

/// Why a target is not reached, and what else is to be said of a part.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    /// By the key of a target.
    #[serde(default)]
    causes: BTreeMap<String, String>,
    /// By the name of a part, Markdown for the end of its section.
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
    // Read again, so that the page is made of what is committed.
    let results = Results::committed(root)?;
    let words = Words::read(root)?;
    write(&root.join(PAGE), &page::render(&results.parts, &words))?;
    write(&root.join(CHART), &chart::render(&results.parts))?;
    println!("wrote {PAGE}, {CHART} and {RESULTS}");
    for target in TARGETS {
        let found = target.find(&results.parts);
        let verdict = match &found {
            Found::Missing(_) => "not measured",
            Found::Measured { .. } if found.is_reached() => "reached",
            Found::Measured { .. } => "NOT REACHED",
        };
        println!("{verdict:<12} {:<26} {:<6} {}", target.key, target.bound.words(), found.words());
    }
    Ok(())
}

/// Shows what came of the goals of one part, and fails when one that was measured is not reached.
pub(crate) fn judge(part: &Part) -> Result<()> {
    println!();
    let mut missed = Vec::new();
    for target in TARGETS.iter().filter(|target| target.part == part.name) {
        let found = target.find(std::slice::from_ref(part));
        let verdict = match &found {
            Found::Missing(_) => "not measured",
            Found::Measured { .. } if found.is_reached() => "reached",
            Found::Measured { .. } => {
                missed.push(target.key);
                "NOT REACHED"
            }
        };
        println!("{verdict:<12} {:<6} {:<32} {}", target.bound.words(), found.words(), target.what);
    }
    match missed.is_empty() {
        true => Ok(()),
        false => Err(Error::Refused(format!("goals not reached: {}", missed.join(", ")))),
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

    /// In the order of the parts.
    fn replace(&mut self, mut part: Part) {
        for figure in &mut part.figures {
            figure.rounds.iter_mut().for_each(|round| *round = number::rounded(*round));
        }
        for (_, value) in part.settings.iter_mut().filter(|(name, _)| name == "PostgreSQL") {
            // What a distribution adds to the version says nothing of PostgreSQL.
            value.truncate(value.find(' ').unwrap_or(value.len()));
        }
        self.parts.retain(|there| there.name != part.name);
        self.parts.push(part);
        let place = |part: &Part| PARTS.iter().position(|name| *name == part.name);
        self.parts.sort_by_key(|part| place(part).unwrap_or(PARTS.len()));
    }

    /// A line for each figure, so that differences can be read.
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
    let written = serde_json::to_string(value);
    written.map_err(|error| Error::Refused(format!("a figure cannot be written: {error}")))
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
            Some(key) => Err(Error::Refused(format!("{CAUSES}: no target is named `{key}`"))),
            None => Ok(words),
        }
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(Error::doing(format!("write {}", file.display())))
}
