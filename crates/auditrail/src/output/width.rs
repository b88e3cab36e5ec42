//! How many columns of a terminal a text takes.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The columns of a text: two for most characters of East Asia and for emoji, none for combining ones.
pub(crate) fn of(text: &str) -> usize {
    text.width()
}

/// Truncates to `max` columns, the last of them an ellipsis. What is seen as one character is not split.
pub(crate) fn truncated(text: &str, max: usize) -> Cow<'_, str> {
    // Most texts are ASCII and shorter.
    if text.len() <= max || of(text) <= max {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let mut columns = 0;
    for cluster in text.graphemes(true) {
        columns += of(cluster);
        if columns + 1 > max {
            break;
        }
        kept.push_str(cluster);
    }
    if max > 0 {
        kept.push('…');
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_a_terminal() {
        assert_eq!([of("abc"), of("漢字"), of("e\u{301}"), of("👍"), of("ａ")], [3, 4, 1, 2, 2]);
        assert_eq!(of("👨‍👩‍👧"), 2);
    }

    #[test]
    fn truncation_keeps_whole_characters() {
        assert_eq!(truncated("äöü", 3), "äöü");
        assert_eq!(truncated("äöüx", 3), "äö…");
        assert_eq!(truncated("漢字漢字", 5), "漢字…");
        assert_eq!(truncated("漢字漢字", 4), "漢…");
        assert_eq!(truncated("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(truncated("a👨‍👩‍👧b👨‍👩‍👧", 4), "a👨‍👩‍👧…");
        assert_eq!([truncated("abc", 1), truncated("abc", 0)], ["…", ""]);
    }

    #[test]
    fn truncated_text_fits() {
        let text = "a漢e\u{301}👍🏽ｂ🇩🇪ü".repeat(3);
        for max in 0..=of(&text) {
            assert!(of(&truncated(&text, max)) <= max, "{max}");
        }
    }
}
