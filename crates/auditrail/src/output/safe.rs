//! Escapes control characters of untrusted text, so that log content cannot control the terminal, and
//! invisible ones, so that it cannot look like other content.

mod invisible;

use std::borrow::Cow;

use invisible::is_invisible;

/// Escapes characters that a terminal interprets or hides: C0, DEL, C1, bidirectional controls, line separators
/// and characters without a width. Keeps those that join emoji.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// As [`text`], but keeps line feeds and tabs, for messages of several lines.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

/// As [`text`], for JSON: uses JSON escapes, so the document stays equivalent. Keeps the line feeds
/// between tokens.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| c != '\n' && is_unsafe(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c == '\n' || !is_unsafe(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
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

fn escape(text: &str, keeps: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let after = rest.clone().next();
        if !is_unsafe(c) || keeps(c) || invisible::is_part_of_emoji(before, c, after) {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
        before = Some(c);
    }
    Cow::Owned(out)
}

fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || is_invisible(c)
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
        assert_eq!(lines("a\n\tb\u{7}"), "a\n\tb\\u{7}");
    }

    #[test]
    fn invisible_characters_are_escaped() {
        for c in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{2060}',
            '\u{2064}',
            '\u{206a}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0041}',
            '\u{e0100}',
        ] {
            let name = format!("adm{c}in");
            assert_eq!(text(&name), format!("adm{}in", c.escape_unicode()));
            let document = format!("{{\"k\":\"{name}\"}}");
            let escaped = json(&document);
            assert!(escaped.is_ascii(), "{escaped}");
            let value: serde_json::Value = serde_json::from_str(&escaped).unwrap();
            assert_eq!(value["k"], name);
        }
    }

    #[test]
    fn emoji_stay_whole() {
        for emoji in ["👨‍👩‍👧", "❤️", "🏳️‍🌈", "👩🏽‍💻", "1️⃣", "☎️"]
        {
            assert_eq!(text(emoji), emoji);
        }
        assert_eq!(text("👨\u{200d}x"), "👨\\u{200d}x");
        assert_eq!(text("1\u{fe0f}2"), "1\\u{fe0f}2");
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
