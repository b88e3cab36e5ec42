//! `cargo xtask tidy`: rules that no compiler knows.
//!
//! Each rule is a function in a file of its own. It returns what is wrong, one sentence each, and
//! has a test that it fires.

mod dependencies;
mod docs;
mod migrations;
mod shape;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// A file of ours as the rules see it.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.extension().is_some_and(|kind| kind == "rs")
    }

    /// A complaint about a line of this file, counted from 1.
    fn at(&self, line: usize, complaint: &str) -> String {
        format!("{}:{line}: {complaint}", self.path.display())
    }

    #[cfg(test)]
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.to_owned() }
    }
}

const FILE_RULES: [fn(&Source) -> Vec<String>; 6] = [
    shape::length,
    shape::module_file,
    docs::crate_docs,
    docs::fence_languages,
    migrations::form,
    words::unwanted,
];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut wrong = dependencies::edges(&dependencies::of(workspace.metadata()));
    for source in sources(workspace.root(), workspace.files()?)? {
        wrong.extend(FILE_RULES.iter().flat_map(|rule| rule(&source)));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    for complaint in &wrong {
        eprintln!("{complaint}");
    }
    Err(Error::Refused(format!("{} rules are broken; see above", wrong.len())))
}

/// Files that are text. Others (images, archives) have no rules.
fn sources(root: &Path, paths: Vec<PathBuf>) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        let bytes = fs::read(root.join(&path));
        let bytes = bytes.map_err(Error::doing(format!("read {}", path.display())))?;
        if let Ok(text) = String::from_utf8(bytes) {
            sources.push(Source { path, text });
        }
    }
    Ok(sources)
}
