//! The words of a text.

use super::chars::CharKind;

/// The words of a text, in their order.
///
/// A [`Phrase`](super::Phrase) that occurs in the text has no [whole word](super::Phrase::whole_words) that is not
/// among them, provided that each character of the text is in lower case by [`fold`](super::fold).
pub fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (start, first) =
            rest.char_indices().find(|(_, c)| CharKind::of(*c) != CharKind::Separator)?;
        let word = &rest[start..];
        let end = if CharKind::of(first) == CharKind::Word {
            first.len_utf8()
        } else {
            word.find(|c| CharKind::of(c) != CharKind::Letter).unwrap_or(word.len())
        };
        rest = &word[end..];
        Some(&word[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Phrase;

    fn words(text: &str) -> Vec<&str> {
        words_of(text).collect()
    }

    #[test]
    fn words_are_runs_of_letters_or_single_characters() {
        assert_eq!(words("s3.getbucket user_id"), ["s3", "getbucket", "user", "id"]);
        assert_eq!(words("x東京y «ünïcode»"), ["x", "東", "京", "y", "ünïcode"]);
        assert_eq!(words(" -- …"), [""; 0]);
    }

    #[test]
    fn only_the_last_word_of_a_prefix_is_not_whole() {
        let whole = |text, is_prefix| {
            let phrase = Phrase::new(text, is_prefix).unwrap();
            phrase.whole_words().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(whole("/Etc/Passwd", false), ["etc", "passwd"]);
        assert_eq!(whole("a.b", true), ["a"]);
        assert_eq!(whole("a.b.", true), ["a", "b"]);
        assert_eq!(whole("deploy", true), [""; 0]);
        assert_eq!(whole("x東", true), ["x", "東"]);
    }

    #[test]
    fn phrases_in_a_text_have_its_words() {
        let text = "a.b x東京y aa.aa.aa /etc/passwd prod  db";
        let all = words(text);
        let chars: Vec<char> = text.chars().collect();
        for start in 0..chars.len() {
            for end in start + 1..=chars.len() {
                let part: String = chars[start..end].iter().collect();
                for is_prefix in [false, true] {
                    let Ok(phrase) = Phrase::new(&part, is_prefix) else { continue };
                    if phrase.is_in_folded(text) {
                        assert!(phrase.whole_words().all(|word| all.contains(&word)), "{part:?}");
                    }
                }
            }
        }
    }
}
