//! Documentation of crates, and code blocks of guides.

use std::path::Path;

use super::Source;
use crate::code_blocks::{code_blocks, is_guide};

/// The root of a crate starts with its documentation.
pub(super) fn crate_docs(source: &Source) -> Vec<String> {
    let is_root = source.path.parent().is_some_and(|dir| dir.ends_with("src"))
        && source.path.file_name().is_some_and(|name| name == "lib.rs" || name == "main.rs");
    if !is_root || source.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![source.at(1, "a crate starts with its documentation (`//! …`)")]
}

/// Commands in guides are in `sh` blocks, which `docs-test` runs; what is not to be run is `text`.
pub(super) fn fence_languages(source: &Source) -> Vec<String> {
    const UNTESTED: [&str; 6] = ["", "bash", "shell", "zsh", "console", "shellsession"];
    if !is_guide(&source.path) {
        return Vec::new();
    }
    let blocks = code_blocks(&source.text);
    let untested = blocks.iter().filter(|block| UNTESTED.contains(&block.language.as_str()));
    untested
        .map(|block| source.at(block.line, "tag the block `sh` (it is run) or `text` (it is not)"))
        .collect()
}

/// A line that stands for lines of the example that README.md does not show.
const OMISSION: &str = "// …\n";

/// The code that README.md shows is part of an example, which a test runs.
pub(super) fn readme_examples(sources: &[Source]) -> Vec<String> {
    const CODE: [&str; 4] = ["rust", "js", "ts", "toml"];
    let is_readme = |source: &&Source| source.path == Path::new("README.md");
    let examples: Vec<String> = sources
        .iter()
        .filter(|source| source.path.starts_with("examples"))
        .map(|source| unindented(&source.text))
        .collect();
    let mut complaints = Vec::new();
    for readme in sources.iter().filter(is_readme) {
        for block in code_blocks(&readme.text) {
            let code = unindented(&block.text);
            let is_from =
                |example: &&String| code.split(OMISSION).all(|part| example.contains(part));
            if CODE.contains(&block.language.as_str()) && !examples.iter().any(|e| is_from(&e)) {
                complaints.push(readme.at(block.line, "no file of examples/ contains these lines"));
            }
        }
    }
    complaints
}

/// The lines without indentation, so that code may be deeper in the example.
fn unindented(text: &str) -> String {
    text.lines().flat_map(|line| [line.trim(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readme_code_is_part_of_an_example() {
        let example = Source::new("examples/x/src/main.rs", "fn main() {\n    a();\n    b();\n}\n");
        let readme = |code| Source::new("README.md", &format!("```rust\n{code}```\n"));
        let complaints = |code| {
            readme_examples(&[readme(code), Source::new("examples/x/src/main.rs", &example.text)])
        };
        assert_eq!(complaints("a();\nb();\n"), [""; 0]);
        assert_eq!(complaints("fn main() {\n// …\nb();\n"), [""; 0]);
        assert_eq!(complaints("a();\nc();\n").len(), 1);
    }

    #[test]
    fn crate_without_documentation_is_refused() {
        assert_eq!(crate_docs(&Source::new("crates/x/src/lib.rs", "mod a;\n")).len(), 1);
        assert_eq!(crate_docs(&Source::new("xtask/src/main.rs", "fn main() {}\n")).len(), 1);
        assert_eq!(crate_docs(&Source::new("crates/x/src/lib.rs", "//! All.\n")).len(), 0);
        assert_eq!(crate_docs(&Source::new("crates/x/src/a/other.rs", "mod a;\n")).len(), 0);
    }

    #[test]
    fn untested_shell_block_is_refused() {
        let page = "```sh\nls\n```\n\n```bash\nls\n```\n\n```\nx\n```\n";
        let complaints = fence_languages(&Source::new("README.md", page));
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].starts_with("README.md:5: "));
        assert_eq!(fence_languages(&Source::new("notes.md", page)).len(), 0);
    }
}
