//! Words that do not belong in technical English; the glossary in CONTRIBUTING.md has better ones.

use super::Source;

/// Refused in Rust, TypeScript and Markdown, in any case. Split, so that this file does not contain them.
const WORDS: [&str; 12] = [
    concat!("to", "ld"),
    concat!("who", "ever"),
    concat!("no", "body"),
    concat!("some", "body"),
    concat!("vou", "ch"),
    concat!("vou", "ches"),
    concat!("vou", "ched"),
    concat!("de", "ed"),
    concat!("de", "eds"),
    concat!("de", "ar"),
    concat!("de", "arer"),
    concat!("what bec", "ame"),
];

/// Right as it stands: the name of a Unix user.
const ALLOWED: [(&str, &str); 1] = [("xtask/src/postgres/initdb_check.rs", concat!("no", "body"))];

/// Paths that are not rewritten yet; to be emptied.
const EXCEPTIONS: [&str; 17] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "clients/",
    "crates/auditrail/",
    "crates/auditrail-client/",
    "crates/auditrail-core/",
    "crates/auditrail-in-transaction/",
    "crates/auditrail-server/",
    "crates/auditrail-store/",
    "crates/auditrail-tower/",
    "crates/local-postgres/",
    "crates/pg-pipeline/",
    "docs/",
    "examples/",
];

pub(super) fn refused(source: &Source) -> Vec<String> {
    let path = source.path.to_string_lossy();
    let is_checked =
        source.path.extension().is_some_and(|kind| kind == "rs" || kind == "ts" || kind == "md");
    if !is_checked || EXCEPTIONS.iter().any(|prefix| path.starts_with(prefix)) {
        return Vec::new();
    }
    let words = WORDS.iter().filter(|word| !ALLOWED.contains(&(path.as_ref(), word)));
    let words: Vec<_> = words.collect();
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(source.text.lines()) {
        let line = line.to_lowercase();
        for word in words.iter().filter(|word| has_word(&line, word)) {
            complaints
                .push(source.at(number, &format!("`{word}`: see the glossary in CONTRIBUTING.md")));
        }
    }
    complaints
}

/// Whether `word` occurs without a letter, digit or underscore next to it.
fn has_word(line: &str, word: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !joins(line[..at].chars().next_back()) && !joins(line[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_refused() {
        for word in WORDS {
            let text = format!("fine\n/// Was {}.\n", word.to_uppercase());
            let complaints = refused(&Source::new("src/a.rs", &text));
            assert_eq!(complaints.len(), 1, "{word}");
            assert!(complaints[0].starts_with("src/a.rs:2: "), "{complaints:?}");
            assert_eq!(refused(&Source::new("a.sql", &text)), Vec::<String>::new());
        }
    }

    #[test]
    fn parts_of_words_and_allowed_files_pass() {
        for line in ["threshold", "indeed", "un_told", "antibody"] {
            assert_eq!(refused(&Source::new("a.md", line)), Vec::<String>::new());
        }
        let (path, word) = ALLOWED[0];
        assert_eq!(refused(&Source::new(path, word)), Vec::<String>::new());
    }
}
