//! The migrations of a runner: those of this crate, or those of a directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::migration::{Fault, Migration, MigrationFileError};
use crate::schema::Schema;
use crate::schema::golden;

/// The ordered migrations of one schema.
#[derive(Clone, Debug)]
pub struct MigrationSet {
    schema: String,
    migrations: Vec<Migration>,
    described: bool,
}

/// File name, text, and the text of the file that reverts it: the files of `migrations/`.
const EMBEDDED: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

impl MigrationSet {
    /// The migrations of the audit log, schema `control_plane`, that are built into this crate.
    ///
    /// # Panics
    /// Never in a build whose tests pass, since they parse every file.
    #[must_use]
    pub fn embedded() -> Self {
        let files = EMBEDDED.iter().map(|(file, sql, down)| {
            ((*file).to_owned(), ((*sql).to_owned(), Some((*down).to_owned())))
        });
        let mut set = Self::from_files("control_plane", files)
            .unwrap_or_else(|error| panic!("a built-in migration is invalid: {error}"));
        set.described = true;
        set
    }

    /// The migrations in the directory `dir` for the schema `schema`, which are tracked in
    /// `schema.schema_migrations`.
    ///
    /// # Errors
    /// When the directory cannot be read, a file is not a migration (see [`Migration::parse`]), two have
    /// the same number, or a `.down.sql` has no migration. Files that do not end in `.sql` are ignored.
    pub fn from_dir(schema: &str, dir: &Path) -> Result<Self, MigrationFileError> {
        let unreadable = |file: &Path, e| MigrationFileError {
            file: file.display().to_string(),
            fault: Fault::Unreadable(e),
        };
        let mut ups = BTreeMap::new();
        let mut downs = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(|e| unreadable(dir, e))? {
            let path = entry.map_err(|e| unreadable(dir, e))?.path();
            let Some(file) = path.file_name().and_then(|f| f.to_str()) else {
                continue;
            };
            if !file.ends_with(".sql") {
                continue;
            }
            let sql = fs::read_to_string(&path).map_err(|e| unreadable(&path, e))?;
            match file.strip_suffix(".down.sql") {
                Some(stem) => downs.insert(format!("{stem}.sql"), sql),
                None => ups.insert(file.to_owned(), sql),
            };
        }
        let files: Vec<_> = ups
            .into_iter()
            .map(|(file, sql)| {
                let down = downs.remove(&file);
                (file, (sql, down))
            })
            .collect();
        if let Some((file, _)) = downs.pop_first() {
            return Err(MigrationFileError { file, fault: Fault::LoneUndo });
        }
        Self::from_files(schema, files)
    }

    fn from_files(
        schema: &str,
        files: impl IntoIterator<Item = (String, (String, Option<String>))>,
    ) -> Result<Self, MigrationFileError> {
        let mut migrations: Vec<Migration> = Vec::new();
        for (file, (sql, down)) in files {
            migrations.push(Migration::parse(&file, &sql, down.as_deref())?);
        }
        migrations.sort_by_key(Migration::version);
        for pair in migrations.windows(2) {
            if pair[0].version == pair[1].version {
                let fault = Fault::SameVersion(pair[0].file());
                return Err(MigrationFileError { file: pair[1].file(), fault });
            }
        }
        Ok(Self { schema: schema.to_owned(), migrations, described: false })
    }

    /// The schema that these migrations create, and that contains their tracking table.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Every migration, by number.
    #[must_use]
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// The number of the newest migration; 0 when there is none.
    #[must_use]
    pub fn latest(&self) -> i64 {
        self.migrations.last().map_or(0, Migration::version)
    }

    /// The migration with this number.
    #[must_use]
    pub fn get(&self, version: i64) -> Option<&Migration> {
        self.migrations.iter().find(|m| m.version == version)
    }

    /// The description of the schema after every migration up to `version`; `None` for migrations without
    /// descriptions, such as those of a directory.
    #[must_use]
    pub fn expected(&self, version: i64) -> Option<Schema> {
        self.described.then(|| golden::at(version)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_migration_is_built_in_and_described() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let on_disk = MigrationSet::from_dir("control_plane", &dir).unwrap();
        let embedded = MigrationSet::embedded();
        let files = |set: &MigrationSet| -> BTreeSet<(String, String)> {
            set.migrations().iter().map(|m| (m.file(), m.sql.clone())).collect()
        };
        assert_eq!(files(&on_disk), files(&embedded));
        for migration in embedded.migrations() {
            assert!(migration.undo.is_some(), "{} cannot be undone", migration.file());
            assert!(embedded.expected(migration.version).is_some(), "{}", migration.file());
        }
    }

    #[test]
    fn built_in_numbers_are_consecutive() {
        let versions: Vec<i64> =
            MigrationSet::embedded().migrations().iter().map(Migration::version).collect();
        let expected: Vec<i64> = (1..).take(versions.len()).collect();
        assert_eq!(versions, expected);
    }
}
