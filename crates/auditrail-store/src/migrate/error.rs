//! What can go wrong with migrations, and where in a file the server found it.

use std::fmt;
use std::time::Duration;

use sqlx::postgres::PgErrorPosition;

use super::lock::Holder;
use super::validate::Problem;
use crate::driver::{is_connection_loss, postgres};
use crate::schema::Difference;

/// Why the runner stopped. Each variant is something else to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The database cannot be reached, or the connection to it was lost. Try again when it is up.
    #[error("cannot reach the database: {source}")]
    Unreachable {
        /// What the driver said.
        source: sqlx::Error,
    },
    /// Another runner is at work and was so for the whole lock timeout. Try again, or see who it is.
    #[error("another migration run has held the lock for {} s: {holder}", waited.as_secs())]
    LockBusy {
        /// How long this runner waited.
        waited: Duration,
        /// Who holds the lock.
        holder: Holder,
    },
    /// Somebody held a table of the schema for the whole lock timeout. The step was rolled back.
    #[error("{file} could not get its lock within {} s; nothing of it was kept{}", waited.as_secs(), Blockers(blockers))]
    TableBusy {
        /// The migration that waited.
        file: String,
        /// How long it waited, over all attempts.
        waited: Duration,
        /// Sessions that hold locks on tables of the schema.
        blockers: Vec<Holder>,
    },
    /// The tracking table and the migrations do not fit together. Nothing was run.
    #[error("the database's history does not fit this program:{}", Lines(problems))]
    Invalid {
        /// Everything that does not fit.
        problems: Vec<Problem>,
    },
    /// A step failed. A transactional one was rolled back; `leftover` tells of any other.
    #[error("{file} failed: {}{}", Described { source, excerpt: excerpt.as_deref() }, Leftover(leftover.as_deref()))]
    StepFailed {
        /// The file that failed.
        file: String,
        /// Line, column and text of the place the server complained about.
        excerpt: Option<String>,
        /// An invalid index that could not be removed.
        leftover: Option<String>,
        /// What the server said.
        source: sqlx::Error,
    },
    /// A file ended the transaction it runs in, so its effects and its tracking row came apart.
    #[error(
        "{file} ends its own transaction; remove BEGIN, COMMIT and ROLLBACK from it and check what it left"
    )]
    TransactionEnded {
        /// The file.
        file: String,
    },
    /// A table named `schema_migrations` is there and is not this runner's.
    #[error(
        "{schema}.schema_migrations belongs to another tool (it lacks {}); rename or move it, or run \
         these migrations with that tool from `migrate sql`",
        lacking.join(", ")
    )]
    ForeignTrackingTable {
        /// The schema it is in.
        schema: String,
        /// The columns it would have to have.
        lacking: Vec<&'static str>,
    },
    /// There is no such migration.
    #[error("there is no migration {version}; the last one is {latest}")]
    NoSuchVersion {
        /// The number asked for.
        version: i64,
        /// The newest number.
        latest: i64,
    },
    /// Undoing would lose data, and nobody allowed that. Nothing was undone.
    #[error("undoing {} would lose data; say --allow-data-loss if that is what you want", files.join(", "))]
    DataLoss {
        /// The migrations that lose data when undone.
        files: Vec<String>,
    },
    /// A migration has no way back. Nothing was undone.
    #[error("{file} cannot be undone: it has no .down.sql")]
    NoWayBack {
        /// The migration.
        file: String,
    },
    /// `baseline` found no version that the live schema matches. Nothing was noted.
    #[error(
        "nothing was adopted: the schema is closest to version {closest}, and there{}",
        Lines(differences)
    )]
    NoBaseline {
        /// The version with the fewest differences.
        closest: i64,
        /// What differs from it.
        differences: Vec<Difference>,
    },
    /// `baseline` is for a database without history; this one has some.
    #[error(
        "this database already has a history up to {version}; run `migrate` instead of `migrate baseline`"
    )]
    AlreadyTracked {
        /// The newest tracked migration.
        version: i64,
    },
    /// These migrations carry no description of the schema, so it cannot be compared.
    #[error("version {version} of schema {schema} has no description to compare with")]
    NotDescribed {
        /// The schema.
        schema: String,
        /// The version.
        version: i64,
    },
    /// The server refused something else.
    #[error("could not {doing}: {}", Described { source, excerpt: None })]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the server said.
        source: sqlx::Error,
    },
}

impl MigrateError {
    /// For `map_err`: sorts a driver error into "unreachable" and "refused while doing".
    pub(crate) fn while_trying_to(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| match is_connection_loss(&source) {
            true => Self::Unreachable { source },
            false => Self::Database { doing, source },
        }
    }

    /// For the text of a migration file: adds the place in the file.
    pub(crate) fn in_file(file: String, sql: &str, source: sqlx::Error) -> Self {
        if is_connection_loss(&source) {
            return Self::Unreachable { source };
        }
        let excerpt = position(&source).and_then(|at| excerpt(&file, sql, at));
        Self::StepFailed {
            file,
            excerpt,
            leftover: None,
            source,
        }
    }
}

fn position(error: &sqlx::Error) -> Option<usize> {
    match postgres(error)?.position()? {
        PgErrorPosition::Original(at) => Some(at),
        PgErrorPosition::Internal { .. } => None,
    }
}

/// `file:line:column` and the line with a mark under the place; `at` counts characters from 1.
fn excerpt(file: &str, sql: &str, at: usize) -> Option<String> {
    let before: String = sql.chars().take(at.checked_sub(1)?).collect();
    let number = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next()?.chars().count() + 1;
    let line = sql.lines().nth(number - 1)?;
    let gutter = number.to_string();
    let blank = " ".repeat(gutter.len());
    let mark = " ".repeat(column - 1);
    Some(format!(
        "{file}:{number}:{column}\n {gutter} | {line}\n {blank} | {mark}^"
    ))
}

/// A driver error with the server's detail and hint, and an excerpt.
struct Described<'a> {
    source: &'a sqlx::Error,
    excerpt: Option<&'a str>,
}

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(error) = postgres(self.source) else {
            return self.source.fmt(f);
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
                "\nhint: if that table is the audit log already, `migrate baseline` adopts it",
            ),
            "42501" => f.write_str(
                "\nhint: migrations need a role that may create in this database and owns the schema",
            ),
            "25006" => f.write_str("\nhint: this server is read-only; connect to the primary"),
            _ => Ok(()),
        }
    }
}

struct Blockers<'a>(&'a [Holder]);

impl fmt::Display for Blockers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(
            f,
            "; these sessions hold the schema's tables:{}",
            Lines(self.0)
        )
    }
}

struct Leftover<'a>(Option<&'a str>);

impl fmt::Display for Leftover<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(index) => write!(
                f,
                "\nthe unfinished index {index} is left behind; the next run removes it"
            ),
            None => Ok(()),
        }
    }
}

struct Lines<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Lines<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|item| write!(f, "\n  {item}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_excerpt_names_line_and_column_and_marks_the_place() {
        let sql = "select 1;\nselect ä, wrong;\n";
        let at = sql.chars().position(|c| c == 'w').unwrap() + 1;
        let expected = "007_x.sql:2:11\n 2 | select ä, wrong;\n   |           ^";
        assert_eq!(excerpt("007_x.sql", sql, at).as_deref(), Some(expected));
    }

    #[test]
    fn a_place_outside_the_text_gives_no_excerpt() {
        assert_eq!(excerpt("007_x.sql", "select 1;", 0), None);
        assert_eq!(excerpt("007_x.sql", "a\n", 99), None);
    }
}
