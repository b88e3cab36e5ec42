//! Code blocks of Markdown files.

/// A fenced block: its language, the line it starts on (from 1), and its lines.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    pub(crate) language: String,
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// The fenced blocks of `markdown`, in order.
pub(crate) fn fences(markdown: &str) -> Vec<Fence> {
    let mut found = Vec::new();
    let mut open: Option<Fence> = None;
    for (line, text) in (1..).zip(markdown.lines()) {
        match (text.trim().strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                let language = language.trim().to_owned();
                open = Some(Fence { language, line, text: String::new() });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some(fence)) => {
                fence.text.push_str(text);
                fence.text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// Whether a file is one that people read for commands: the README or a page of docs/.
pub(crate) fn is_guide(path: &std::path::Path) -> bool {
    path == std::path::Path::new("README.md")
        || (path.starts_with("docs") && path.extension().is_some_and(|kind| kind == "md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_language_and_line() {
        let found = fences("a\n```sh\nls\npwd\n```\nb\n```\nx\n```\n");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].language.as_str(), found[0].line), ("sh", 2));
        assert_eq!(found[0].text, "ls\npwd\n");
        assert_eq!(found[1].language, "");
    }
}
