//! A word or a phrase.

use super::chars::{CharKind, fold};
use super::split::words_of;
use crate::error::ValueError;
use crate::limits::PHRASE_MAX_CHARS;

/// A word or a phrase that a text must have, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Phrase {
    text: Box<str>,
    is_prefix: bool,
}

impl Phrase {
    /// A phrase from its characters; a prefix is also found where its last word goes on.
    ///
    /// # Errors
    /// When the text has no letter or digit, has a control character or is longer than
    /// [`PHRASE_MAX_CHARS`].
    pub fn new(text: &str, is_prefix: bool) -> Result<Self, ValueError> {
        let chars = text.chars().count();
        if chars > PHRASE_MAX_CHARS {
            return Err(ValueError::TooLong { chars, max: PHRASE_MAX_CHARS });
        }
        if let Some((index, c)) = text.chars().enumerate().find(|(_, c)| c.is_control()) {
            return Err(ValueError::ControlCharacter { code: u32::from(c), at: index + 1 });
        }
        if !text.chars().any(|c| CharKind::of(c) != CharKind::Separator) {
            return Err(ValueError::BadFormat { expected: "a text with a letter or a digit" });
        }
        Ok(Self { text: text.chars().map(fold).collect(), is_prefix })
    }

    /// The characters, each in lower case by [`fold`].
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the last word may go on.
    #[must_use]
    pub const fn is_prefix(&self) -> bool {
        self.is_prefix
    }

    /// Whether a word must start where the phrase does.
    #[must_use]
    pub fn starts_a_word(&self) -> bool {
        self.text.chars().next().is_some_and(is_letter)
    }

    /// Whether a word must end where the phrase does.
    #[must_use]
    pub fn ends_a_word(&self) -> bool {
        !self.is_prefix && self.text.chars().next_back().is_some_and(is_letter)
    }

    /// The words that every text with the phrase has as whole words: all of the phrase, but the last one of a prefix,
    /// which may go on.
    pub fn whole_words(&self) -> impl Iterator<Item = &str> {
        let goes_on = self.is_prefix && self.text.chars().next_back().is_some_and(is_letter);
        let words = words_of(&self.text).count();
        words_of(&self.text).take(words - usize::from(goes_on))
    }

    /// Whether the phrase occurs in a text of which each character is in lower case by [`fold`].
    #[must_use]
    pub fn is_in_folded(&self, text: &str) -> bool {
        // An occurrence may overlap the next, so all places are tried.
        let mut from = 0;
        while let Some(found) = text[from..].find(&*self.text) {
            let start = from + found;
            let end = start + self.text.len();
            let goes_on = text[end..].chars().next().is_some_and(is_letter);
            let went_before = text[..start].chars().next_back().is_some_and(is_letter);
            if !(self.starts_a_word() && went_before || self.ends_a_word() && goes_on) {
                return true;
            }
            from = start + text[start..].chars().next().map_or(1, char::len_utf8);
        }
        false
    }

    /// Whether the phrase occurs in a text.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.is_in_folded(&text.chars().map(fold).collect::<String>())
    }
}

fn is_letter(c: char) -> bool {
    CharKind::of(c) == CharKind::Letter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(phrase: &str, found: &[&str], not_found: &[&str]) {
        let (text, is_prefix) =
            phrase.strip_suffix('*').map_or((phrase, false), |text| (text, true));
        let phrase = Phrase::new(text, is_prefix).unwrap();
        for text in found {
            assert!(phrase.is_in(text), "{phrase:?} is in {text:?}");
        }
        for text in not_found {
            assert!(!phrase.is_in(text), "{phrase:?} is not in {text:?}");
        }
    }

    #[test]
    fn words_are_whole_and_in_any_case() {
        check(
            "prod",
            &["prod", "a PROD", "x-prod_db", "prod.", "ſprod prod"],
            &["prods", "aprod", "pro d"],
        );
        check("GetBucket", &["s3.getbucket"], &["s3.GetBucketLogging"]);
        check("ünïcode", &["ÜNÏCODE", "«Ünïcode»"], &["unicode", "ünïcodé"]);
        check("k8s", &["K8S", "\u{212a}8s"], &["8s"]);
    }

    #[test]
    fn prefixes_end_anywhere() {
        check("GetBucket*", &["s3.GetBucketLogging", "getbucket"], &["s3.ForgetBucket"]);
        check("a.*", &["a.b", "a."], &["a b", "ba.b"]);
    }

    #[test]
    fn phrases_are_consecutive_characters() {
        check(
            "prod db",
            &["a prod db.", "PROD DB"],
            &["prod  db", "prod-db", "prod dbs", "db prod"],
        );
        check("/etc/", &["/etc/passwd", "x/etc/"], &["/etcetera/"]);
        check("aa.aa", &["aa.aa.aa", "xaa.aa.aa"], &["xaa.aa.aax"]);
    }

    #[test]
    fn scripts_without_blanks_have_words_of_one_character() {
        check("東京", &["東京都", "大東京都", "x東京y"], &["東 京"]);
        check("ไทย", &["ภาษาไทยดี"], &[]);
        check("서울", &["서울 시"], &["서울시"]);
        check("db", &["東db京"], &[]);
    }

    #[test]
    fn text_without_a_word_is_refused() {
        for text in ["", " ", "--", "…"] {
            assert!(
                matches!(Phrase::new(text, false), Err(ValueError::BadFormat { .. })),
                "{text:?}"
            );
        }
        assert!(matches!(
            Phrase::new("a\nb", false),
            Err(ValueError::ControlCharacter { at: 2, .. })
        ));
        assert!(matches!(Phrase::new(&"a".repeat(201), false), Err(ValueError::TooLong { .. })));
    }
}
