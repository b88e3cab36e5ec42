//! Keeps what strangers wrote into the log from steering the terminal of who reads it.

use std::borrow::Cow;

/// Escapes every character that a terminal would obey or hide: C0, DEL, C1, and those that turn the
/// direction of text around or break lines.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// As [`text`], for messages that may have several lines.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\n' && is_unsafe(c))
}

/// The same for JSON text. Its strings hold no C0 characters, and the others mean the same escaped;
/// only the line breaks between tokens stay.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| c != '\n' && is_unsafe(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            // All of them are in the basic plane, so one escape is enough.
            c if is_unsafe(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// At most `max` characters, the last an ellipsis when there were more.
pub(crate) fn shortened(text: &str, max: usize) -> Cow<'_, str> {
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
    fn what_steers_a_terminal_is_shown_and_not_obeyed() {
        assert_eq!(text("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(text("a\u{9b}2Jb\n"), "a\\u{9b}2Jb\\u{a}");
        assert_eq!(text("exe.\u{202e}txt"), "exe.\\u{202e}txt");
        assert_eq!(text("plain ü 漢"), "plain ü 漢");
        assert_eq!(lines("a\n\u{7}"), "a\n\\u{7}");
    }

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({"a": "x\u{9b}y\u{7f}\u{202e}\u{1b}"});
        let shown = json(&value.to_string()).into_owned();
        assert!(!shown.contains(is_unsafe));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).ok(), Some(value));
    }

    #[test]
    fn text_is_shortened_by_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüx", 3), "äö…");
    }
}
