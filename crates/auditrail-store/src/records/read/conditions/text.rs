//! The condition of words and phrases, with the meaning that [`auditrail_core::words`] defines.
//!
//! A phrase is a regular expression of explicit characters, compared by code point (collation "C"): it depends
//! neither on the locale nor on the version of the database.

use std::sync::LazyLock;

use auditrail_core::expression::{Condition, Expression};
use auditrail_core::words::{Phrase, SEPARATORS, WORDS_OF_ONE_CHAR, folded_from};

use crate::sql::Sql;

/// The text of a record, a line for each column that is not NULL.
///
/// The escapes of the metadata are resolved: first each escaped backslash becomes a character that JSON never
/// contains, so that every other backslash starts an escape.
pub(crate) const TEXT: &str = r#"(concat_ws(E'\n', actor_id, actor_name, action, target_type, target_id, target_name,
    host(ip_address), user_agent, request_id,
    case when strpos(metadata::text, E'\\') = 0 then metadata::text
         else replace(replace(regexp_replace(replace(metadata::text, E'\\\\', E'\x01'),
                                             E'\\\\([bfnrt]|u[0-9a-f]{4})', E'\n', 'g'),
                              E'\\"', '"'),
                      E'\x01', E'\\') end) collate "C")"#;

/// Adds the condition of all terms of an expression that search in text, as one boolean value.
pub(super) fn push_matches(sql: &mut Sql, expression: &Expression) {
    let (mut required, mut excluded) = (Vec::new(), Vec::new());
    sql.push("(true");
    for term in expression.text_terms() {
        match &term.condition {
            Condition::Agent(phrases) => push_agent(sql, phrases, term.is_excluded),
            Condition::Text(phrase) if term.is_excluded => excluded.push(pattern(phrase)),
            Condition::Text(phrase) => required.push(pattern(phrase)),
            _ => {}
        }
    }
    if !required.is_empty() {
        sql.push(" and ").push(TEXT).push(" ~ all(").push_bind_array(&required).push(")");
    }
    if !excluded.is_empty() {
        sql.push(" and ").push(TEXT).push(" !~ all(").push_bind_array(&excluded).push(")");
    }
    sql.push(")");
}

fn push_agent(sql: &mut Sql, phrases: &[Phrase], is_excluded: bool) {
    let patterns: Vec<String> = phrases.iter().map(pattern).collect();
    sql.push(r#" and (user_agent collate "C" ~ any("#).push_bind_array(&patterns);
    sql.push(if is_excluded { ")) is not true" } else { ")) is true" });
}

/// The regular expression of a phrase.
fn pattern(phrase: &Phrase) -> String {
    // In a bracket expression: everything that is not part of a longer word.
    static NO_LETTER: LazyLock<String> = LazyLock::new(|| {
        let mut out = String::new();
        for (from, to) in SEPARATORS.iter().chain(&WORDS_OF_ONE_CHAR) {
            // No text has NUL.
            push_char(&mut out, (*from).max('\u{1}'));
            out.push('-');
            push_char(&mut out, *to);
        }
        out
    });
    let mut out = String::new();
    if phrase.starts_a_word() {
        out.push_str(&format!("(^|[{}])", *NO_LETTER));
    }
    for c in phrase.text().chars() {
        out.push('[');
        push_char(&mut out, c);
        for same in folded_from(c) {
            push_char(&mut out, *same);
        }
        out.push(']');
    }
    if phrase.ends_a_word() {
        out.push_str(&format!("([{}]|$)", *NO_LETTER));
    }
    out
}

/// Adds a character so that it stands for itself.
fn push_char(out: &mut String, c: char) {
    match u32::from(c) {
        _ if c.is_ascii_alphanumeric() => out.push(c),
        code @ ..=0xffff => out.push_str(&format!("\\u{code:04x}")),
        code => out.push_str(&format!("\\U{code:08x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_every_case_and_no_special_character() {
        let pattern = |text, is_prefix| pattern(&Phrase::new(text, is_prefix).unwrap());
        let whole = pattern("aK", false);
        assert!(whole.starts_with("(^|[\\u0001-\\u002f") && whole.ends_with("]|$)"), "{whole}");
        assert!(whole.contains("[aA][kK\\u212a]"), "{whole}");
        assert_eq!(pattern(".a.", false), "[\\u002e][aA][\\u002e]");
        assert_eq!(pattern("-\u{1f600}a", true), "[\\u002d][\\U0001f600][aA]");
    }
}
