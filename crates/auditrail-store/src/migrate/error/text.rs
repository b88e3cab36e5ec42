//! Formats the errors of the runner.

use std::fmt;

use sqlx::postgres::PgErrorPosition;

use crate::migrate::blocker::Blocker;
use crate::sqlstate::postgres;

/// The position of an error in a statement, in characters from 1.
pub(super) fn position(error: &sqlx::Error) -> Option<usize> {
    match postgres(error)?.position()? {
        PgErrorPosition::Original(at) => Some(at),
        PgErrorPosition::Internal { .. } => None,
    }
}

/// `file:line:column` and the line with a mark under the position; `at` counts characters from 1.
pub(super) fn excerpt(file: &str, sql: &str, at: usize) -> Option<String> {
    let before: String = sql.chars().take(at.checked_sub(1)?).collect();
    let number = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next()?.chars().count() + 1;
    let line = sql.lines().nth(number - 1)?;
    let gutter = number.to_string();
    let blank = " ".repeat(gutter.len());
    let mark = " ".repeat(column - 1);
    Some(format!("{file}:{number}:{column}\n {gutter} | {line}\n {blank} | {mark}^"))
}

/// A driver error with the server's detail and hint, and an excerpt.
pub(super) struct Described<'a> {
    pub(super) error: &'a sqlx::Error,
    pub(super) excerpt: Option<&'a str>,
}

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(error) = postgres(self.error) else {
            return self.error.fmt(f);
        };
        write!(f, "{} (SQLSTATE {})", error.message(), error.code())?;
        if let Some(excerpt) = self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        for (label, text) in [("detail", error.detail()), ("hint", error.hint())] {
            if let Some(text) = text {
                write!(f, "\n{label}: {text}")?;
            }
        }
        match error.code() {
            "42P07" => f.write_str(
                "\nhint: if that table is the audit log, `migrate baseline` adopts it",
            ),
            "42501" => f.write_str(
                "\nhint: migrations need a role that owns the schema and has CREATE on the database",
            ),
            "25006" => f.write_str("\nhint: this server is read-only; connect to the primary"),
            _ => Ok(()),
        }
    }
}

/// The blocking sessions, if any are known.
pub(super) struct Blockers<'a>(pub(super) &'a [Blocker]);

impl fmt::Display for Blockers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, "; these sessions hold locks on tables of the schema:{}", Lines(self.0))
    }
}

/// The invalid index that could not be dropped.
pub(super) struct Leftover<'a>(pub(super) Option<&'a str>);

impl fmt::Display for Leftover<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(index) => {
                write!(f, "\nthe invalid index {index} remains; the next run drops it")
            }
            None => Ok(()),
        }
    }
}

/// One item per line, indented.
pub(super) struct Lines<'a, T>(pub(super) &'a [T]);

impl<T: fmt::Display> fmt::Display for Lines<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|item| write!(f, "\n  {item}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpt_has_line_and_column_and_marks_the_position() {
        let sql = "select 1;\nselect ä, wrong;\n";
        let at = sql.chars().position(|c| c == 'w').unwrap() + 1;
        let expected = "007_x.sql:2:11\n 2 | select ä, wrong;\n   |           ^";
        assert_eq!(excerpt("007_x.sql", sql, at).as_deref(), Some(expected));
    }

    #[test]
    fn position_outside_the_text_has_no_excerpt() {
        assert_eq!(excerpt("007_x.sql", "select 1;", 0), None);
        assert_eq!(excerpt("007_x.sql", "a\n", 99), None);
    }
}
