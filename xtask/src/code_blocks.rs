//! Fenced code blocks of Markdown files.

use std::path::Path;

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeBlock {
    /// The language after the opening fence; may be empty.
    pub language: String,
    /// The line of the opening fence, from 1.
    pub line: usize,
    /// The lines between the fences.
    pub text: String,
}

/// The fenced blocks of `markdown`, in order.
pub fn code_blocks(markdown: &str) -> Vec<CodeBlock> {
    let mut blocks = Vec::new();
    let mut open: Option<CodeBlock> = None;
    for (line, text) in (1..).zip(markdown.lines()) {
        match (text.trim().strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                let language = language.trim().to_owned();
                open = Some(CodeBlock { language, line, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(text);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Whether a file is part of the user documentation: the README or a page of docs/.
pub fn is_guide(path: &Path) -> bool {
    path == Path::new("README.md")
        || (path.starts_with("docs") && path.extension().is_some_and(|extension| extension == "md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_language_and_line() {
        let blocks = code_blocks("a\n```sh\nls\npwd\n```\nb\n```\nx\n```\n");
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].language.as_str(), blocks[0].line), ("sh", 2));
        assert_eq!(blocks[0].text, "ls\npwd\n");
        assert_eq!(blocks[1].language, "");
    }
}
