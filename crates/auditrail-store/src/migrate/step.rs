//! One script to run, forwards or backwards.

use super::error::MigrateError;
use super::migration::{Migration, Mode};

/// Which way a migration is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

/// A script to run, and what to note once it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    pub(super) migration: &'a Migration,
    pub(super) direction: Direction,
    pub(super) sql: &'a str,
    pub(super) mode: &'a Mode,
}

impl<'a> Step<'a> {
    pub(super) fn up(migration: &'a Migration) -> Self {
        let (sql, mode) = (migration.sql.as_str(), &migration.mode);
        Self { migration, direction: Direction::Up, sql, mode }
    }

    pub(super) fn down(migration: &'a Migration) -> Result<Self, MigrateError> {
        let undo = migration.undo();
        let undo = undo.ok_or_else(|| MigrateError::NoWayBack { file: migration.file() })?;
        let (sql, mode) = (undo.sql.as_str(), &undo.mode);
        Ok(Self { migration, direction: Direction::Down, sql, mode })
    }

    /// The file the script is in.
    pub(super) fn file(&self) -> String {
        match self.direction {
            Direction::Up => self.migration.file(),
            Direction::Down => self.migration.file().replace(".sql", ".down.sql"),
        }
    }
}
