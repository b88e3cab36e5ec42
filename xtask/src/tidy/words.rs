//! Words that must not be in the repository.

use super::Source;

/// Refused in all files, with the reason; split, so that this file does not contain them.
const NOTES_AND_PATHS: [(&str, &str); 5] = [
    (concat!("TO", "DO"), "finish it, or describe it in an issue"),
    (concat!("FIX", "ME"), "finish it, or describe it in an issue"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/Us", "ers/"), "a path of one machine"),
];

/// The path of Homebrew on every Linux machine.
const HOMEBREW: &str = concat!("/ho", "me/linuxbrew/");

/// Not technical English: refused in Rust, TypeScript and Markdown, in any case.
const VOCABULARY: [&str; 9] = [
    concat!("to", "ld"),
    concat!("who", "ever"),
    concat!("no", "body"),
    concat!("some", "body"),
    concat!("vou", "ch"),
    concat!("vou", "ched"),
    concat!("de", "ed"),
    concat!("de", "ar"),
    concat!("what bec", "ame"),
];

const GLOSSARY: &str = "see the glossary in CONTRIBUTING.md";

/// The files that mention the Unix user of this name.
const ALLOWED: (&str, [&str; 4]) = (
    concat!("no", "body"),
    [
        "crates/local-postgres/src/account.rs",
        "crates/local-postgres/src/error.rs",
        "crates/local-postgres/src/lib.rs",
        "xtask/src/postgres/initdb_check.rs",
    ],
);

/// Its glossary quotes the words.
const EXCEPTION: &str = "CONTRIBUTING.md";

pub(super) fn unwanted(source: &Source) -> Vec<String> {
    let vocabulary = vocabulary(&source.path.to_string_lossy());
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(source.text.lines()) {
        let line = line.replace(HOMEBREW, "");
        let refused = NOTES_AND_PATHS.iter().copied().filter(|(word, _)| has_word(&line, word));
        let lower = line.to_lowercase();
        let words = vocabulary.iter().filter(|word| has_word(&lower, word));
        for (word, reason) in refused.chain(words.map(|word| (*word, GLOSSARY))) {
            complaints.push(source.at(number, &format!("`{word}`: {reason}")));
        }
    }
    complaints
}

/// The words that are refused in a file.
fn vocabulary(path: &str) -> Vec<&'static str> {
    let is_checked = [".rs", ".ts", ".md"].iter().any(|extension| path.ends_with(extension));
    if !is_checked || path == EXCEPTION {
        return Vec::new();
    }
    let is_allowed = |word: &str| word == ALLOWED.0 && ALLOWED.1.contains(&path);
    VOCABULARY.into_iter().filter(|word| !is_allowed(word)).collect()
}

/// Whether `word` occurs by itself, not as part of a longer name or path.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let is_path = word.starts_with('/');
        let joins = |c: char| c.is_alphanumeric() || c == '_' || (is_path && ".-}".contains(c));
        !before.is_some_and(joins) && (is_path || !after.is_some_and(joins))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        unwanted(&Source::new(path, text))
    }

    #[test]
    fn each_word_is_refused() {
        let words = NOTES_AND_PATHS.iter().map(|(word, _)| *word);
        for word in words.chain(VOCABULARY) {
            let complaints = complaints("src/a.rs", &format!("ok\n/// See {word} here.\n"));
            assert_eq!(complaints.len(), 1, "{word}");
            assert!(complaints[0].starts_with("src/a.rs:2: "), "{complaints:?}");
        }
        let shouted = format!("// {}", VOCABULARY[0].to_uppercase());
        assert_eq!(complaints("src/a.rs", &shouted).len(), 1);
        assert_eq!(complaints("a.sql", &shouted).len(), 0);
    }

    #[test]
    fn parts_of_words_and_allowed_files_pass() {
        let home = format!("{}{}x", "${DIR}", NOTES_AND_PATHS[3].0);
        for line in ["MASTODONS", &home, "a/home/b", HOMEBREW, "threshold", "indeed", "un_told"] {
            assert_eq!(complaints("a.md", line), Vec::<String>::new());
        }
        assert_eq!(complaints(ALLOWED.1[0], ALLOWED.0), Vec::<String>::new());
    }
}
