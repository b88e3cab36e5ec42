//! What must be written, and what must be runnable.

use super::Source;
use crate::code_blocks::{code_blocks, is_guide};

/// A crate says at its top what it is, what it leaves out and where to start.
pub(super) fn crate_docs(source: &Source) -> Vec<String> {
    let is_root = source.path.parent().is_some_and(|dir| dir.ends_with("src"))
        && source.path.file_name().is_some_and(|name| name == "lib.rs" || name == "main.rs");
    if !is_root || source.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![source.at(1, "a crate starts with its documentation (`//! …`)")]
}

/// A command in a guide is in an `sh` block, which `docs-test` runs; any other shell block would
/// rot unseen. What is not meant to be run is `text`.
pub(super) fn fence_languages(source: &Source) -> Vec<String> {
    const UNTESTED: [&str; 6] = ["", "bash", "shell", "zsh", "console", "shellsession"];
    if !is_guide(&source.path) {
        return Vec::new();
    }
    let fences = code_blocks(&source.text);
    let untested = fences.iter().filter(|fence| UNTESTED.contains(&fence.language.as_str()));
    untested
        .map(|fence| source.at(fence.line, "tag the block `sh` (it is run) or `text` (it is not)"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_docs_is_named() {
        assert_eq!(crate_docs(&Source::new("crates/x/src/lib.rs", "mod a;\n")).len(), 1);
        assert_eq!(crate_docs(&Source::new("xtask/src/main.rs", "fn main() {}\n")).len(), 1);
        assert_eq!(crate_docs(&Source::new("crates/x/src/lib.rs", "//! All.\n")).len(), 0);
        assert_eq!(crate_docs(&Source::new("crates/x/src/a/other.rs", "mod a;\n")).len(), 0);
    }

    #[test]
    fn a_shell_block_that_nothing_runs_is_named() {
        let page = "```sh\nls\n```\n\n```bash\nls\n```\n\n```\nx\n```\n";
        let complaints = fence_languages(&Source::new("README.md", page));
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].starts_with("README.md:5: "));
        assert_eq!(fence_languages(&Source::new("notes.md", page)).len(), 0);
    }
}
