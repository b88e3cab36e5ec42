//! A migration file: its number, its text and its opening comment.

use std::fmt;

use sha2::{Digest, Sha256};

use super::concurrent_index::ConcurrentIndex;
use super::header::{Header, HeaderError};

/// SHA-256 of the text of a migration with LF line ends, so that it is equal on Windows and Linux.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum([u8; 32]);

impl Checksum {
    /// Hashes `sql`, reading CR LF as LF.
    #[must_use]
    pub fn of(sql: &str) -> Self {
        let mut hash = Sha256::new();
        for (i, line) in sql.split("\r\n").enumerate() {
            if i > 0 {
                hash.update(b"\n");
            }
            hash.update(line.as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// The 32 bytes, as stored in the tracking table.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the checksum is equal to one of the tracking table.
    #[must_use]
    pub fn matches(&self, stored: &[u8]) -> bool {
        self.0.as_slice() == stored
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({self})")
    }
}

/// How a script is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In one transaction, together with its row in the tracking table.
    Transaction,
    /// Without a transaction, as PostgreSQL requires.
    Concurrent(ConcurrentIndex),
}

/// The script that reverts a migration.
#[derive(Clone, Debug)]
pub struct Undo {
    pub(crate) sql: String,
    pub(crate) mode: Mode,
    pub(crate) loses_data: bool,
}

impl Undo {
    /// Whether it destroys data.
    #[must_use]
    pub fn loses_data(&self) -> bool {
        self.loses_data
    }
}

/// A migration of a schema.
#[derive(Clone, Debug)]
pub struct Migration {
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) sql: String,
    pub(crate) checksum: Checksum,
    pub(crate) what: String,
    pub(crate) breaking: bool,
    pub(crate) mode: Mode,
    pub(crate) undo: Option<Undo>,
}

impl Migration {
    /// Parses a migration from the name and text of its file, and the text of its `.down.sql`, if any.
    ///
    /// # Errors
    /// When the file is not named `NNN_description.sql`, when its opening comment is incomplete, or when a
    /// step without a transaction is not a single concurrent index statement.
    pub fn parse(file: &str, sql: &str, down: Option<&str>) -> Result<Self, MigrationFileError> {
        let fail = |fault| MigrationFileError { file: file.to_owned(), fault };
        let (version, name) = split_file_name(file).ok_or_else(|| fail(Fault::Name))?;
        let header = Header::parse(sql).map_err(|e| fail(e.into()))?;
        let what = header.text("What").map_err(|e| fail(e.into()))?;
        header.text("Why").map_err(|e| fail(e.into()))?;
        let breaking = header.flag("Breaking").map_err(|e| fail(e.into()))?;
        let mode = mode(&header, sql).map_err(fail)?;
        let undo = down.map(parse_undo).transpose().map_err(fail)?;
        Ok(Self {
            version,
            name: name.to_owned(),
            sql: sql.to_owned(),
            checksum: Checksum::of(sql),
            what: what.to_owned(),
            breaking,
            mode,
            undo,
        })
    }

    /// Its number, from 1, which determines the order. Gaps are allowed.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The description in its file name, such as `create_audit_logs_table`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its file, such as `001_create_audit_logs_table.sql`.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{:03}_{}.sql", self.version, self.name)
    }

    /// The field `What` of its opening comment.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Its text.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The checksum of its text.
    #[must_use]
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }

    /// Whether a program that does not know this migration must not use the schema.
    #[must_use]
    pub fn breaking(&self) -> bool {
        self.breaking
    }

    /// Whether it runs in a transaction. Only concurrent index builds do not.
    #[must_use]
    pub fn transactional(&self) -> bool {
        self.mode == Mode::Transaction
    }

    /// The script that reverts it, if any.
    #[must_use]
    pub fn undo(&self) -> Option<&Undo> {
        self.undo.as_ref()
    }
}

fn parse_undo(sql: &str) -> Result<Undo, Fault> {
    let header = Header::parse(sql)?;
    header.text("What")?;
    Ok(Undo {
        sql: sql.to_owned(),
        mode: mode(&header, sql)?,
        loses_data: header.flag("Loses data")?,
    })
}

fn mode(header: &Header<'_>, sql: &str) -> Result<Mode, Fault> {
    if header.flag("Transaction")? {
        return Ok(Mode::Transaction);
    }
    ConcurrentIndex::parse(sql).map(Mode::Concurrent).ok_or(Fault::NotConcurrentIndex)
}

fn split_file_name(file: &str) -> Option<(i64, &str)> {
    let (number, name) = file.strip_suffix(".sql")?.split_once('_')?;
    let has_digits = number.len() >= 3 && number.bytes().all(|b| b.is_ascii_digit());
    let is_snake_case = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let version = number.parse().ok().filter(|version| *version > 0)?;
    (has_digits && is_snake_case).then_some((version, name))
}

/// An invalid migration file.
#[derive(Debug, thiserror::Error)]
#[error("migration file {file}: {fault}")]
pub struct MigrationFileError {
    pub(crate) file: String,
    pub(crate) fault: Fault,
}

/// Why a migration file is invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("name it NNN_description.sql: three digits or more, then lower-case words joined by _")]
    Name,
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(
        "a step with `Transaction: no` must be exactly one statement, CREATE INDEX CONCURRENTLY name \
         ON schema.table or DROP INDEX CONCURRENTLY schema.name"
    )]
    NotConcurrentIndex,
    #[error("its number is also that of {0}")]
    SameVersion(String),
    #[error("it reverts a migration that does not exist")]
    LoneUndo,
    #[error("it cannot be read: {0}")]
    Unreadable(std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "-- What: a.\n-- Why: b.\n-- Breaking: no\n-- Transaction: yes\n\n";

    #[test]
    fn checksum_reads_crlf_as_lf() {
        let unix = format!("{HEAD}select 1;\nselect 2;\n");
        assert_eq!(Checksum::of(&unix), Checksum::of(&unix.replace('\n', "\r\n")));
        assert_ne!(Checksum::of(&unix), Checksum::of(&unix.replace('2', "3")));
    }

    #[test]
    fn checksum_is_sha_256() {
        assert_eq!(
            Checksum::of("abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn file_name_has_number_and_description() {
        let migration = Migration::parse("012_add_things.sql", HEAD, None).unwrap();
        assert_eq!((migration.version(), migration.name()), (12, "add_things"));
        assert_eq!(migration.file(), "012_add_things.sql");
    }

    #[test]
    fn invalid_file_names_are_rejected() {
        for file in ["1_a.sql", "000_a.sql", "001a.sql", "001_A.sql", "001_.sql", "001_a.txt"] {
            let error = Migration::parse(file, HEAD, None).unwrap_err();
            assert!(matches!(error.fault, Fault::Name), "{file}: {error}");
        }
    }

    #[test]
    fn concurrent_step_must_be_a_single_index_statement() {
        let head = HEAD.replace("Transaction: yes", "Transaction: no");
        let error = Migration::parse("001_a.sql", &format!("{head}select 1;"), None).unwrap_err();
        assert!(matches!(error.fault, Fault::NotConcurrentIndex), "{error}");
    }
}
