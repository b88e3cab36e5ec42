//! The spool's table in a redb file.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, StorageError, TableDefinition,
    TableError,
};
use rustix::io::Errno;

use super::frame;
use crate::entry::Entry;

/// Records by number.
const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

/// Size of redb's cache in bytes. Small, because the reader goes through the file only once.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// An open database file.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
}

/// Why an operation failed. After any error the file has to be reopened.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// The disk, or the quota, is full.
    #[error("the disk is full")]
    DiskFull,
    /// The file is not a valid database.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// Any other I/O error.
    #[error("{0}")]
    Failed(String),
}

/// Summary of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// Number of records.
    pub(super) records: u64,
    /// Their bytes, as counted against the limit.
    pub(super) bytes: u64,
    /// Number of the first record.
    pub(super) first: u64,
    /// Number after the last record.
    pub(super) next: u64,
}

/// Encoded records with their numbers.
pub(super) type Rows = Vec<(u64, Vec<u8>)>;

impl Store {
    /// Opens a file; an empty one becomes a new database.
    ///
    /// With `check`, the checksums of all pages are verified, so that damage is detected now and
    /// not later. This takes as long as reading the file.
    pub(super) fn open(file: File, check: bool) -> Result<Self, StoreError> {
        catch_panics(|| {
            let backend = FileBackend::new(file).map_err(|error| database_error(&error))?;
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(check);
            let database =
                builder.create_with_backend(backend).map_err(|error| database_error(&error))?;
            Ok(Self { database })
        })
    }

    /// Summarizes the file.
    pub(super) fn contents(&self) -> Result<Contents, StoreError> {
        catch_panics(|| {
            let mut contents = Contents::default();
            self.scan(0, |key, value| {
                if contents.records == 0 {
                    contents.first = key;
                }
                contents.records += 1;
                contents.bytes += frame::cost_of_value(value.len());
                contents.next = key.saturating_add(1);
                true
            })?;
            Ok(contents)
        })
    }

    /// Reads records from a number on: at least one, of any size, if there is one.
    pub(super) fn read(
        &self,
        from: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Rows, StoreError> {
        catch_panics(|| {
            let mut rows = Rows::new();
            let mut bytes = 0;
            self.scan(from, |key, value| {
                bytes += value.len();
                let fits = rows.is_empty() || (rows.len() < max_records && bytes <= max_bytes);
                if fits {
                    rows.push((key, value.to_vec()));
                }
                fits
            })?;
            Ok(rows)
        })
    }

    /// Adds records, removes those before one number and those from another on, in one durable
    /// transaction.
    pub(super) fn commit(
        &self,
        rows: &[(u64, Entry)],
        remove_before: u64,
        remove_from: Option<u64>,
    ) -> Result<(), StoreError> {
        catch_panics(|| {
            let mut write =
                self.database.begin_write().map_err(|error| redb_error(error.into()))?;
            write
                .set_durability(Durability::Immediate)
                .map_err(|error| redb_error(error.into()))?;
            {
                let mut records =
                    write.open_table(RECORDS).map_err(|error| redb_error(error.into()))?;
                records.retain_in(..remove_before, |_, _| false).map_err(|e| storage_error(&e))?;
                if let Some(from) = remove_from {
                    records.retain_in(from.., |_, _| false).map_err(|e| storage_error(&e))?;
                }
                for (key, entry) in rows {
                    let value = frame::encode(entry);
                    records.insert(*key, value.as_slice()).map_err(|e| storage_error(&e))?;
                }
            }
            write.commit().map_err(|error| redb_error(error.into()))
        })
    }

    /// Closes the file cleanly.
    pub(super) fn close(self) -> Result<(), StoreError> {
        catch_panics(|| self.database.close().map_err(|error| database_error(&error)))
    }

    fn scan(&self, from: u64, mut visit: impl FnMut(u64, &[u8]) -> bool) -> Result<(), StoreError> {
        let read = self.database.begin_read().map_err(|error| redb_error(error.into()))?;
        let records = match read.open_table(RECORDS) {
            Ok(records) => records,
            // Nothing was written yet.
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            Err(error) => return Err(redb_error(error.into())),
        };
        for row in records.range(from..).map_err(|error| storage_error(&error))? {
            let (key, value) = row.map_err(|error| storage_error(&error))?;
            if !visit(key.value(), value.value()) {
                break;
            }
        }
        Ok(())
    }
}

/// Turns a panic of redb, which a damaged file can cause, into an error.
fn catch_panics<T>(operation: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(operation))
        .unwrap_or_else(|_| Err(StoreError::Damaged("redb panicked".to_owned())))
}

fn database_error(error: &DatabaseError) -> StoreError {
    match error {
        DatabaseError::Storage(error) => storage_error(error),
        DatabaseError::UpgradeRequired(_) | DatabaseError::RepairAborted => {
            StoreError::Damaged(error.to_string())
        }
        error => StoreError::Failed(error.to_string()),
    }
}

fn storage_error(error: &StorageError) -> StoreError {
    match error {
        StorageError::Corrupted(_) => StoreError::Damaged(error.to_string()),
        StorageError::Io(error) => io_error(error),
        error => StoreError::Failed(error.to_string()),
    }
}

fn redb_error(error: redb::Error) -> StoreError {
    match error {
        redb::Error::Corrupted(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. } => StoreError::Damaged(error.to_string()),
        redb::Error::Io(error) => io_error(&error),
        error => StoreError::Failed(error.to_string()),
    }
}

fn io_error(error: &io::Error) -> StoreError {
    match error.kind() {
        // Not a database, or a truncated one.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            StoreError::Damaged(error.to_string())
        }
        _ if is_full(error) => StoreError::DiskFull,
        _ => StoreError::Failed(error.to_string()),
    }
}

/// Whether the error means that the disk or the quota is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    Errno::from_io_error(error)
        .is_some_and(|errno| [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].contains(&errno))
}
