//! Words that must not be in the repository.

use super::Source;

/// What to look for, and why it is wrong. Written in two halves, or this file would be the first to
/// be named.
const UNWANTED: [(&str, &str); 5] = [
    (concat!("TO", "DO"), "finish it, or describe it in an issue"),
    (concat!("FIX", "ME"), "finish it, or describe it in an issue"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/Us", "ers/"), "a path of one machine"),
];

/// Where Homebrew is on every Linux machine that has it.
const HOMEBREW: &str = concat!("/ho", "me/linuxbrew/");

pub(super) fn unwanted(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, line) in (1..).zip(source.text.lines()) {
        let line = line.replace(HOMEBREW, "");
        for (word, why) in UNWANTED.iter().filter(|(word, _)| has_word(&line, word)) {
            wrong.push(source.at(number, &format!("`{word}`: {why}")));
        }
    }
    wrong
}

/// Whether `word` stands by itself: a directory below another, or a part of a longer name, is
/// neither a path from the root nor a note to oneself.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "_.-}".contains(c));
        let ends_open = word.ends_with('/');
        !joins(before) && (ends_open || !joins(after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_found() {
        for (word, _) in UNWANTED {
            let complaints = unwanted(&Source::new("a.txt", &format!("ok\nsee {word} here\n")));
            assert_eq!(complaints.len(), 1, "{word}");
            assert!(complaints[0].starts_with("a.txt:2: "));
        }
    }

    #[test]
    fn words_inside_others_are_fine() {
        for line in
            ["MASTODONS", "$DIR/home/x".replace("DIR", "{DIR}").as_str(), "a/home/b", HOMEBREW]
        {
            assert_eq!(unwanted(&Source::new("a.txt", line)), Vec::<String>::new());
        }
    }
}
