//! The records of a spool in a redb file.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, StorageError, TableDefinition,
    TableError,
};
use rustix::io::Errno;

use super::frame;

/// A record by its number, in the order they came.
const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

/// Most bytes of the file that are kept in memory. The reader goes through it once.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// A file that is open.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
}

/// Why the file did not do what it was asked. After any of these it has to be opened again.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// No room on the disk.
    #[error("the disk is full")]
    Full,
    /// What is in the file makes no sense.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The disk fails.
    #[error("{0}")]
    Failed(String),
}

/// What a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// Records.
    pub(super) records: u64,
    /// What they take of the bound.
    pub(super) bytes: u64,
    /// The number of the first.
    pub(super) first: u64,
    /// The number after the last.
    pub(super) next: u64,
}

/// Records with their numbers.
pub(super) type Rows = Vec<(u64, Vec<u8>)>;

impl Store {
    /// Opens a file, which may be empty.
    ///
    /// With `check`, the checksum of every page is looked at, so that damage shows here and not later.
    /// That takes as long as reading the file.
    pub(super) fn open(file: File, check: bool) -> Result<Self, StoreError> {
        guarded(|| {
            let backend = FileBackend::new(file).map_err(|error| of_database(&error))?;
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(check);
            let opened = builder.create_with_backend(backend);
            Ok(Self { database: opened.map_err(|error| of_database(&error))? })
        })
    }

    /// Counts what is there.
    pub(super) fn contents(&self) -> Result<Contents, StoreError> {
        guarded(|| {
            let mut contents = Contents::default();
            self.each(0, |key, value| {
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

    /// The records from a number on; at least one, however large, if there is one.
    pub(super) fn read(
        &self,
        from: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Rows, StoreError> {
        guarded(|| {
            let (mut rows, mut bytes) = (Rows::new(), 0);
            self.each(from, |key, value| {
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

    /// Adds records and removes all before a number and all from another on, durably and all at once.
    pub(super) fn commit(
        &self,
        add: &[(u64, Bytes)],
        remove_before: u64,
        remove_from: Option<u64>,
    ) -> Result<(), StoreError> {
        guarded(|| {
            let mut write = self.database.begin_write().map_err(|error| of_any(error.into()))?;
            write.set_durability(Durability::Immediate).map_err(|error| of_any(error.into()))?;
            {
                let mut records =
                    write.open_table(RECORDS).map_err(|error| of_any(error.into()))?;
                records.retain_in(..remove_before, |_, _| false).map_err(|e| of_storage(&e))?;
                if let Some(from) = remove_from {
                    records.retain_in(from.., |_, _| false).map_err(|e| of_storage(&e))?;
                }
                for (key, text) in add {
                    let value = frame::encode(text);
                    records.insert(*key, value.as_slice()).map_err(|e| of_storage(&e))?;
                }
            }
            write.commit().map_err(|error| of_any(error.into()))
        })
    }

    /// Closes the file in order.
    pub(super) fn close(self) -> Result<(), StoreError> {
        guarded(|| self.database.close().map_err(|error| of_database(&error)))
    }

    fn each(&self, from: u64, mut more: impl FnMut(u64, &[u8]) -> bool) -> Result<(), StoreError> {
        let read = self.database.begin_read().map_err(|error| of_any(error.into()))?;
        let records = match read.open_table(RECORDS) {
            Ok(records) => records,
            // Nothing was ever written.
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            Err(error) => return Err(of_any(error.into())),
        };
        for row in records.range(from..).map_err(|error| of_storage(&error))? {
            let (key, value) = row.map_err(|error| of_storage(&error))?;
            if !more(key.value(), value.value()) {
                break;
            }
        }
        Ok(())
    }
}

/// redb may panic over a damaged file. That is no reason to take the application down.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err(StoreError::Damaged("reading it panicked".to_owned())))
}

fn of_database(error: &DatabaseError) -> StoreError {
    match error {
        DatabaseError::Storage(error) => of_storage(error),
        DatabaseError::UpgradeRequired(_) | DatabaseError::RepairAborted => {
            StoreError::Damaged(error.to_string())
        }
        error => StoreError::Failed(error.to_string()),
    }
}

fn of_storage(error: &StorageError) -> StoreError {
    match error {
        StorageError::Corrupted(_) => StoreError::Damaged(error.to_string()),
        StorageError::Io(error) => of_io(error),
        error => StoreError::Failed(error.to_string()),
    }
}

fn of_any(error: redb::Error) -> StoreError {
    match error {
        redb::Error::Corrupted(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. } => StoreError::Damaged(error.to_string()),
        redb::Error::Io(error) => of_io(&error),
        error => StoreError::Failed(error.to_string()),
    }
}

fn of_io(error: &io::Error) -> StoreError {
    match error.kind() {
        // No database, or one that was cut off.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            StoreError::Damaged(error.to_string())
        }
        _ if is_full(error) => StoreError::Full,
        _ => StoreError::Failed(error.to_string()),
    }
}

/// Whether the disk, or what its owner may take of it, is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    let full = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG];
    Errno::from_io_error(error).is_some_and(|errno| full.contains(&errno))
}
