//! Restores an archive into a log for searching.
//!
//! The target is another log: a database of its own, such as a private one, whose migrations were applied. Records
//! must not return to the log that they left. There, retention would remove them again, and the order would have to
//! know them: a record that had a position must not get a second one, and a cluster that was itself restored
//! cannot tell by the transaction id. In another log they are new records, every command and the service can
//! search them, and dropping that database removes them.

use auditrail_core::ArchiveName;
use sqlx::PgPool;

use super::dir::ArchiveDir;
use super::error::ArchiveError;
use super::lines::line;
use super::reader::ArchiveReader;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Sql;

/// Records written by one statement.
const CHUNK: usize = 500;
/// Bytes of lines written by one statement, unless a single line has more.
const CHUNK_BYTES: usize = 4 * 1_024 * 1_024;

/// Brings archives into the log of a pool. The role needs the privileges of a service.
#[derive(Clone, Debug)]
pub struct ArchiveRestore {
    pool: PgPool,
}

/// Why an archive was not restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The archive is invalid, or cannot be read. Nothing was written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The database rejected a record or failed. Chunks before it were written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The records left the log of this database.
    #[error(
        "the records of {name} left this log by its retention; restore them into another database, \
         for example a private one: `auditrail --data-dir DIR archive restore …`"
    )]
    SameLog {
        /// The archive.
        name: ArchiveName,
    },
    /// A record is there with other values.
    #[error("the record {id} is in the target log with other values")]
    Differs {
        /// The id.
        id: uuid::Uuid,
    },
}

impl RestoreError {
    /// Stable machine-readable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Archive(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::SameLog { .. } => "archive_of_this_log",
            Self::Differs { .. } => "id_conflict",
        }
    }
}

/// What was restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Records that were written.
    pub created: u64,
    /// Records that were there already, with the same values.
    pub duplicates: u64,
}

impl ArchiveRestore {
    /// Into the log of this pool.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Verifies an archive, then writes its records. Can be repeated: records that are there are not written twice.
    /// They get the transaction ids of the target log.
    ///
    /// # Errors
    /// [`RestoreError`]; each variant says what was written.
    pub async fn restore(
        &self,
        dir: &ArchiveDir,
        name: ArchiveName,
    ) -> Result<Restored, RestoreError> {
        let mut db =
            self.pool.acquire().await.map_err(StoreError::while_trying_to("get a connection"))?;
        if has_run((&mut *db).into(), name).await? {
            return Err(RestoreError::SameLog { name });
        }
        let verified = dir.clone();
        let manifest = blocking(move || verified.verify(name)).await?;
        let opened = dir.clone();
        let mut reader = blocking(move || ArchiveReader::open(&opened, manifest)).await?;
        let mut restored = Restored::default();
        loop {
            let (next, chunk) = blocking(move || read_chunk(reader)).await?;
            reader = next;
            if chunk.is_empty() {
                return Ok(restored);
            }
            let lines: Vec<String> = chunk.into_iter().map(|(_, line)| line).collect();
            let (created, differing) = insert((&mut *db).into(), &lines).await?;
            if let Some(id) = differing {
                return Err(RestoreError::Differs { id });
            }
            restored.created += created;
            restored.duplicates += lines.len() as u64 - created;
        }
    }
}

/// Runs work with files on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ArchiveError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ArchiveError::Thread))
}

/// The next lines of an archive with their ids; none at the end, when everything that was read is as stated.
pub(crate) fn read_chunk(
    mut reader: ArchiveReader,
) -> Result<(ArchiveReader, Vec<(uuid::Uuid, String)>), ArchiveError> {
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while lines.len() < CHUNK && bytes < CHUNK_BYTES {
        let Some((line, text)) = reader.next_line()? else { break };
        bytes += text.len();
        lines.push((line.id, text.to_owned()));
    }
    Ok((reader, lines))
}

/// Whether the run that wrote an archive is one of this log.
async fn has_run(mut db: Db<'_>, name: ArchiveName) -> Result<bool, StoreError> {
    let sql = Sql::new(
        "select exists (select from control_plane.audit_log_retention_runs where id = $1)",
    )
    .bind(name.run_id());
    let doing = "look for the run of an archive";
    db.fetch(&sql)
        .await
        .and_then(|rows| rows.first().ok_or(sqlx::Error::RowNotFound)?.get(0))
        .map_err(StoreError::while_trying_to(doing))
}

/// Writes the records of lines whose ids are not taken. Returns their number, and one record whose line is not the
/// given one, `xact_id` aside.
async fn insert(mut db: Db<'_>, lines: &[String]) -> Result<(u64, Option<uuid::Uuid>), StoreError> {
    let doing = "restore records";
    let inserted = Sql::new(INSERT).bind_array(lines.iter().map(String::as_str));
    let created = db.fetch(&inserted).await.map_err(StoreError::while_trying_to(doing))?.len();
    let compared = Sql::new(DIFFERENT).bind_array(lines.iter().map(String::as_str));
    let different = db.fetch(&compared).await.map_err(StoreError::while_trying_to(doing))?;
    let id = different.first().map(|row| row.get(0)).transpose();
    Ok((created as u64, id.map_err(StoreError::while_trying_to(doing))?))
}

const INSERT: &str = concat!(
    "insert into control_plane.audit_logs (",
    crate::records::columns::column_list!(),
    ") select ",
    auditrail_core::record_columns!(crate::archive::lines::parsed),
    " from unnest($1::text[]) as line on conflict (id) do nothing returning id"
);

/// A line ends with the transaction id, which is that of the former log.
const DIFFERENT: &str = concat!(
    "select stored.id
       from unnest($1::text[]) as line
       join lateral (select id, ",
    line!(),
    " as line from control_plane.audit_logs where id = (line::json ->> 'id')::uuid) stored on true
      where regexp_replace(stored.line, ',\"xact_id\":\"[0-9]+\"}$', '')
         <> regexp_replace(line.line, ',\"xact_id\":\"[0-9]+\"}$', '')
      limit 1"
);
