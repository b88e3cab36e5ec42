//! Characters that are not seen.

/// Whether a character shows nothing: the default ignorable code points of Unicode, annotation controls, and
/// the blank pattern of Braille. Spaces are not among them.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether an invisible character selects or joins emoji: U+FE0F after one or in a keycap, U+200D between two.
pub(super) fn is_part_of_emoji(before: Option<char>, c: char, after: Option<char>) -> bool {
    match c {
        '\u{fe0f}' => before.is_some_and(is_emoji) || after == Some('\u{20e3}'),
        '\u{200d}' => {
            before.is_some_and(|c| is_emoji(c) || c == '\u{fe0f}') && after.is_some_and(is_emoji)
        }
        _ => false,
    }
}

/// Whether a character is in the blocks of symbols that have emoji.
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{203c}'..='\u{27bf}' | '\u{2900}'..='\u{2bff}' | '\u{3030}'..='\u{3299}'
        | '\u{1f000}'..='\u{1faff}')
        && !is_invisible(c)
}
