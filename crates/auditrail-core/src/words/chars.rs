//! The kinds of characters, and their lower case.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a character is in a text that is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CharKind {
    /// Between words: blanks, punctuation and other signs of ASCII and of the listed blocks.
    Separator,
    /// Part of a word.
    Letter,
    /// A word of its own: a character of a script that has no blanks between words.
    Word,
}

impl CharKind {
    /// The kind of a character.
    #[must_use]
    pub fn of(c: char) -> Self {
        if c.is_ascii() {
            return if c.is_ascii_alphanumeric() { Self::Letter } else { Self::Separator };
        }
        let is_in =
            |ranges: &[(char, char)]| ranges.iter().any(|(from, to)| (*from..=*to).contains(&c));
        if is_in(&SEPARATORS) {
            Self::Separator
        } else if is_in(&WORDS_OF_ONE_CHAR) {
            Self::Word
        } else {
            Self::Letter
        }
    }
}

/// The separators, as ranges: those of ASCII and Latin-1, general and CJK punctuation, and the wide forms of
/// the ASCII ones.
pub const SEPARATORS: [(char, char); 18] = [
    ('\u{0}', '/'),
    (':', '@'),
    ('[', '`'),
    ('{', '\u{a9}'),
    ('\u{ab}', '\u{b4}'),
    ('\u{b6}', '\u{b9}'),
    ('\u{bb}', '\u{bf}'),
    ('\u{d7}', '\u{d7}'),
    ('\u{f7}', '\u{f7}'),
    ('\u{2000}', '\u{206f}'),
    ('\u{3000}', '\u{3004}'),
    ('\u{3008}', '\u{3020}'),
    ('\u{30fb}', '\u{30fb}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ff00}', '\u{ff0f}'),
    ('\u{ff1a}', '\u{ff20}'),
    ('\u{ff3b}', '\u{ff40}'),
    ('\u{ff5b}', '\u{ff65}'),
];

/// The characters that are words of their own, as ranges: Thai and Lao, Khmer and Burmese, kana and Han. None
/// of them has an upper case. Hangul is not among them: Korean has blanks between words.
pub const WORDS_OF_ONE_CHAR: [(char, char); 9] = [
    ('\u{e00}', '\u{eff}'),
    ('\u{1000}', '\u{109f}'),
    ('\u{1780}', '\u{17ff}'),
    ('\u{3005}', '\u{3007}'),
    ('\u{3021}', '\u{30fa}'),
    ('\u{30fc}', '\u{312f}'),
    ('\u{3400}', '\u{9fff}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{20000}', '\u{3ffff}'),
];

/// The lower case of a character by Unicode, if that is a single character; otherwise the character itself.
///
/// Independent of any language: `I` is `i` everywhere. `ß` stays, and so does `İ`, whose lower case is two
/// characters.
#[must_use]
pub fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// All other characters that [`fold`] maps to a folded one, such as `K` and the Kelvin sign for `k`.
///
/// With them a search by equality of characters, which is the same in every locale of a database, finds every
/// case.
#[must_use]
pub fn folded_from(folded: char) -> &'static [char] {
    static SOURCES: LazyLock<HashMap<char, Vec<char>>> = LazyLock::new(|| {
        let mut sources: HashMap<char, Vec<char>> = HashMap::new();
        for c in '\0'..=char::MAX {
            let folded = fold(c);
            if folded != c {
                sources.entry(folded).or_default().push(c);
            }
        }
        sources
    });
    SOURCES.get(&folded).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_in_order_and_disjoint() {
        for ranges in [SEPARATORS.as_slice(), &WORDS_OF_ONE_CHAR] {
            assert!(ranges.iter().all(|(from, to)| from <= to));
            assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0), "{ranges:?}");
        }
        let both =
            |c: &(char, char)| SEPARATORS.iter().any(|(from, to)| *from <= c.1 && c.0 <= *to);
        assert!(!WORDS_OF_ONE_CHAR.iter().any(both));
    }

    #[test]
    fn ascii_has_the_kinds_of_the_ranges() {
        for c in '\0'..='\u{7f}' {
            let is_separator = SEPARATORS.iter().any(|(from, to)| (*from..=*to).contains(&c));
            assert_eq!(CharKind::of(c) == CharKind::Separator, is_separator, "{c:?}");
        }
    }

    #[test]
    fn folding_is_idempotent_and_keeps_the_kind() {
        for c in '\0'..=char::MAX {
            let folded = fold(c);
            assert_eq!(fold(folded), folded, "{c:?}");
            assert_eq!(CharKind::of(folded), CharKind::of(c), "{c:?}");
        }
    }

    #[test]
    fn every_source_of_a_character_is_listed() {
        assert_eq!(folded_from('k'), ['K', '\u{212a}']);
        assert_eq!(folded_from('ß'), ['ẞ']);
        assert_eq!(folded_from('ǆ'), ['Ǆ', 'ǅ']);
        assert_eq!(folded_from('K'), []);
        assert_eq!(fold('İ'), 'İ');
    }
}
