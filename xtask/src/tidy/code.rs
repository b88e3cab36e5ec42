//! Rust source without what a search for code must not find.

/// `text` with comments and the contents of string and character literals replaced by spaces.
pub(super) fn without_comments_and_literals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = literal_or_comment(rest, out.chars().next_back());
        if length == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    out
}

/// The length of the literal or comment that `text` starts with; 0 if it starts with neither.
fn literal_or_comment(text: &str, before: Option<char>) -> usize {
    let end_of = |start: usize, end: &str| {
        text[start..].find(end).map_or(text.len(), |at| start + at + end.len())
    };
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return end_of(2, "*/");
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return 0;
    }
    if let Some(raw) = text.strip_prefix('r').filter(|raw| raw.starts_with(['"', '#'])) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return end_of(hashes + 2, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    // A lifetime has no closing quote right after its first character.
    let mut quote = text.chars();
    match (quote.next(), quote.next(), quote.next()) {
        (Some('\''), Some('\\'), _) => quoted(text, '\''),
        (Some('\''), Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

/// The length of a literal that ends with an unescaped `quote`.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_become_spaces() {
        let text = "a // b\nc(\"d \\\" e\", r#\"f\"g\"#, 'h', '\"', '\\'') /* i */ &'j str r#k";
        let code = without_comments_and_literals(text);
        let tokens: Vec<_> = code.split_whitespace().collect();
        assert_eq!(tokens, ["a", "c(", ",", ",", ",", ",", ")", "&'j", "str", "r#k"]);
        assert_eq!(code.lines().count(), text.lines().count());
    }
}
