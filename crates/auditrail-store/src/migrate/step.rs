//! A script to run: a migration or its reversal.

use super::error::MigrateError;
use super::migration::{Migration, Mode};

/// Whether a migration is applied or reverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

/// A script to run, and the migration it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    pub(super) migration: &'a Migration,
    pub(super) direction: Direction,
    pub(super) sql: &'a str,
    pub(super) mode: &'a Mode,
}

impl<'a> Step<'a> {
    pub(super) fn up(migration: &'a Migration) -> Self {
        Self { migration, direction: Direction::Up, sql: &migration.sql, mode: &migration.mode }
    }

    pub(super) fn down(migration: &'a Migration) -> Result<Self, MigrateError> {
        let undo =
            migration.undo().ok_or_else(|| MigrateError::NoWayBack { file: migration.file() })?;
        Ok(Self { migration, direction: Direction::Down, sql: &undo.sql, mode: &undo.mode })
    }

    /// The file of the script.
    pub(super) fn file(&self) -> String {
        match self.direction {
            Direction::Up => self.migration.file(),
            Direction::Down => self.migration.file().replace(".sql", ".down.sql"),
        }
    }
}
