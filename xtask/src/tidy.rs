//! `cargo xtask tidy`: rules that the compiler does not check.
//!
//! Each rule is a function in a file of its own that returns its complaints, and has a test.

mod code;
mod dependencies;
mod docs;
mod migrations;
mod modules;
mod shape;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// A file of the repository.
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
    let sources = sources(workspace.root(), workspace.files()?)?;
    let mut complaints = dependencies::edges(&dependencies::of(workspace.metadata()));
    complaints.extend(modules::cycles(&sources));
    complaints.extend(docs::readme_examples(&sources));
    for source in &sources {
        complaints.extend(FILE_RULES.iter().flat_map(|rule| rule(source)));
    }
    if complaints.is_empty() {
        return Ok(());
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    Err(Error::Refused(format!("{} rules are broken; see above", complaints.len())))
}

/// The files that are UTF-8 text; rules do not apply to others.
fn sources(root: &Path, paths: Vec<PathBuf>) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        let bytes =
            fs::read(root.join(&path)).map_err(Error::doing(format!("read {}", path.display())))?;
        if let Ok(text) = String::from_utf8(bytes) {
            sources.push(Source { path, text });
        }
    }
    Ok(sources)
}
