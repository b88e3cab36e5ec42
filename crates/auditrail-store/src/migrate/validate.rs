//! Validates the history of a database against the migrations of this program, before a step runs.

use std::fmt;

use serde::Serialize;

use super::migration::Migration;
use super::set::MigrationSet;
use super::tracking::Tracked;

/// An inconsistency between a history and a set of migrations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Problem {
    /// The file was edited after it was applied.
    Edited {
        /// The migration.
        version: i64,
        /// Its file.
        file: String,
        /// The checksum of the file.
        expected: String,
        /// The checksum at the time it was applied.
        applied: String,
    },
    /// It was applied, but this program lacks its file, although it has later ones.
    FileMissing {
        /// The migration.
        version: i64,
        /// Its name when it was applied.
        name: String,
    },
    /// It is pending, although a later one was applied.
    OutOfOrder {
        /// The migration.
        version: i64,
        /// Its file.
        file: String,
        /// The newest applied one.
        newest: i64,
    },
    /// A newer program applied it, and it is marked as incompatible with older programs.
    BreakingAhead {
        /// The migration.
        version: i64,
        /// Its name when it was applied.
        name: String,
        /// The program that applied it.
        applied_by: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited { file, expected, applied, .. } => write!(
                f,
                "{file} was edited after it was applied (its checksum is {}, it was {}): restore \
                 the file and put the change into a new migration",
                short(expected),
                short(applied),
            ),
            Self::FileMissing { version, name } => write!(
                f,
                "{version:03}_{name}.sql is missing: the database has it, this program does not; use \
                 the program that applied it",
            ),
            Self::OutOfOrder { file, newest, .. } => write!(
                f,
                "{file} is out of order: it is pending, but {newest:03} was applied already; give \
                 it a number above {newest}",
            ),
            Self::BreakingAhead { version, name, applied_by } => write!(
                f,
                "{version:03}_{name} was applied by {applied_by} and is breaking for older programs: \
                 upgrade this one",
            ),
        }
    }
}

fn short(checksum: &str) -> &str {
    checksum.get(..12).unwrap_or(checksum)
}

/// Every problem, by version.
pub(crate) fn problems(set: &MigrationSet, history: &[Tracked]) -> Vec<Problem> {
    let newest = history.iter().map(|row| row.version).max().unwrap_or(0);
    let mut out: Vec<(i64, Problem)> = Vec::new();
    for row in history {
        let problem = match set.get(row.version) {
            Some(migration) => edited(migration, row),
            None => unknown(set, row),
        };
        out.extend(problem.map(|problem| (row.version, problem)));
    }
    for migration in set.migrations() {
        let version = migration.version();
        if version < newest && !history.iter().any(|row| row.version == version) {
            let problem = Problem::OutOfOrder { version, file: migration.file(), newest };
            out.push((version, problem));
        }
    }
    out.sort_by_key(|(version, _)| *version);
    out.into_iter().map(|(_, problem)| problem).collect()
}

fn edited(migration: &Migration, row: &Tracked) -> Option<Problem> {
    (!migration.checksum().matches(&row.checksum)).then(|| Problem::Edited {
        version: row.version,
        file: migration.file(),
        expected: migration.checksum().to_string(),
        applied: row.checksum.iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

/// A newer migration is accepted unless it is breaking; an older one is missing.
fn unknown(set: &MigrationSet, row: &Tracked) -> Option<Problem> {
    let (version, name) = (row.version, row.name.clone());
    if version < set.latest() {
        return Some(Problem::FileMissing { version, name });
    }
    let applied_by = row.applied_by.clone();
    row.breaking.then_some(Problem::BreakingAhead { version, name, applied_by })
}
