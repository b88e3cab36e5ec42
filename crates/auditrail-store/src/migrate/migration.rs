//! One migration file: its number, its text, and what its opening comment promises.

use std::fmt;

use sha2::{Digest, Sha256};

use super::concurrent_index::ConcurrentIndex;
use super::header::{Header, HeaderError};

/// SHA-256 of a migration's text with line ends as LF, so that a checkout on Windows and one on
/// Linux agree.
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

    /// The 32 bytes, as the tracking table stores them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether `stored`, as read from the tracking table, is this checksum.
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
    /// On its own, because PostgreSQL refuses it inside a transaction.
    Concurrent(ConcurrentIndex),
}

/// The script that takes a migration back.
#[derive(Clone, Debug)]
pub struct Undo {
    pub(crate) sql: String,
    pub(crate) mode: Mode,
    pub(crate) loses_data: bool,
}

impl Undo {
    /// Whether running it removes data that cannot be restored.
    #[must_use]
    pub fn loses_data(&self) -> bool {
        self.loses_data
    }
}

/// One step of the schema's history.
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
    /// Reads a migration from the name and text of its file, and the text of its `.down.sql` when
    /// there is one.
    ///
    /// # Errors
    /// When the file is not named `NNN_description.sql`, when its opening comment does not say what
    /// it must, or when a step without a transaction is anything but one concurrent index statement.
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

    /// Its number: 1 for the first; gaps are allowed, order is by this number.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The description in its file name, as in `create_audit_logs_table`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file it comes from, as in `001_create_audit_logs_table.sql`.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{:03}_{}.sql", self.version, self.name)
    }

    /// What it does, in the words of its opening comment.
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

    /// Whether a program that does not know this migration must stop using the schema.
    #[must_use]
    pub fn breaking(&self) -> bool {
        self.breaking
    }

    /// Whether it runs in a transaction. Only the concurrent building of an index does not.
    #[must_use]
    pub fn transactional(&self) -> bool {
        self.mode == Mode::Transaction
    }

    /// How to take it back, when there is a way.
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
    let digits = number.len() >= 3 && number.bytes().all(|b| b.is_ascii_digit());
    let words = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let version = number.parse().ok().filter(|version| *version > 0)?;
    (digits && words).then_some((version, name))
}

/// A migration file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("migration file {file}: {fault}")]
pub struct MigrationFileError {
    pub(crate) file: String,
    pub(crate) fault: Fault,
}

/// What is wrong with a migration file.
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
    #[error("it undoes a migration that is not there")]
    LoneUndo,
    #[error("could not be read: {0}")]
    Unreadable(std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "-- What: a.\n-- Why: b.\n-- Breaking: no\n-- Transaction: yes\n\n";

    #[test]
    fn the_checksum_reads_crlf_as_lf() {
        let unix = format!("{HEAD}select 1;\nselect 2;\n");
        assert_eq!(Checksum::of(&unix), Checksum::of(&unix.replace('\n', "\r\n")));
        assert_ne!(Checksum::of(&unix), Checksum::of(&unix.replace('2', "3")));
    }

    #[test]
    fn the_checksum_is_plain_sha_256() {
        assert_eq!(
            Checksum::of("abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_file_name_gives_number_and_description() {
        let migration = Migration::parse("012_add_things.sql", HEAD, None).unwrap();
        assert_eq!((migration.version(), migration.name()), (12, "add_things"));
        assert_eq!(migration.file(), "012_add_things.sql");
    }

    #[test]
    fn a_badly_named_file_is_refused() {
        for file in ["1_a.sql", "000_a.sql", "001a.sql", "001_A.sql", "001_.sql", "001_a.txt"] {
            let error = Migration::parse(file, HEAD, None).unwrap_err();
            assert!(matches!(error.fault, Fault::Name), "{file}: {error}");
        }
    }

    #[test]
    fn a_step_outside_a_transaction_must_be_one_concurrent_index_statement() {
        let head = HEAD.replace("Transaction: yes", "Transaction: no");
        let error = Migration::parse("001_a.sql", &format!("{head}select 1;"), None).unwrap_err();
        assert!(matches!(error.fault, Fault::NotConcurrentIndex), "{error}");
    }
}
