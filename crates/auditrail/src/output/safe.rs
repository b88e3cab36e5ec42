//! Escapes control characters of untrusted text, so that log content cannot control the terminal.

use std::borrow::Cow;

/// Escapes characters that a terminal interprets or hides: C0, DEL, C1, bidirectional controls and line
/// separators.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// As [`text`], but keeps line feeds, for messages of several lines.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\n' && is_unsafe(c))
}

/// As [`text`], for JSON: uses JSON escapes, so the document stays equivalent. Keeps the line feeds
/// between tokens.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| c != '\n' && is_unsafe(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            // All unsafe characters are in the basic multilingual plane, so no surrogates are needed.
            c if is_unsafe(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Truncates to `max` characters, the last of them an ellipsis.
pub(crate) fn truncated(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let kept: String = text.chars().take(max.saturating_sub(1)).collect();
            Cow::Owned(kept + "…")
        }
    }
}

fn escape(text: &str, is_unsafe: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(text("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(text("a\u{9b}2Jb\n"), "a\\u{9b}2Jb\\u{a}");
        assert_eq!(text("exe.\u{202e}txt"), "exe.\\u{202e}txt");
        assert_eq!(text("plain ü 漢"), "plain ü 漢");
        assert_eq!(lines("a\n\u{7}"), "a\n\\u{7}");
    }

    #[test]
    fn escaped_json_is_equivalent() {
        let value = serde_json::json!({"a": "x\u{9b}y\u{7f}\u{202e}\u{1b}"});
        let escaped = json(&value.to_string()).into_owned();
        assert!(!escaped.contains(is_unsafe));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).ok(), Some(value));
    }

    #[test]
    fn truncation_counts_characters() {
        assert_eq!(truncated("äöü", 3), "äöü");
        assert_eq!(truncated("äöüx", 3), "äö…");
    }
}
