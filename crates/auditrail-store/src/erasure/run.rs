//! The transaction of an erasure.

use std::collections::BTreeMap;
use std::time::Duration;

use auditrail_core::{
    Action, Actor, CreateInput, Cursor, Metadata, RequestContext, Target, TargetId, TargetType,
};
use auditrail_evidence::{Entry, FIELDS, FieldName, LogEntry, fields_root};
use serde::Serialize;
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tlog::FULL_WIDTH;
use uuid::Uuid;

use super::fields::{ErasedFields, Subject};
use super::find::{self, Found};
use super::{seqs, update};
use crate::clock;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::owner_session;
use crate::records::write::insert_one;
use crate::sql::Sql;
use crate::text_index::rebuild_text_blocks;
use crate::tree::kept::{self, KeptFields};
use crate::tree::{records, rows};
use crate::value::PgTime;

/// Most records of one erasure.
pub const RECORDS_MAX: usize = 1_000_000;
/// Records of one statement.
const CHUNK: usize = 1_000;
/// Longest wait for a lock: that of a step of the sealer, or of an exchange of partitions.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// An erasure.
#[derive(Clone, Debug)]
pub struct ErasureOptions {
    /// Whose records.
    pub subject: Subject,
    /// What of them.
    pub fields: ErasedFields,
    /// Why, for the record of the erasure. It must not have what is erased.
    pub reason: String,
    /// Who erases.
    pub by: Actor,
}

/// What an erasure would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErasurePlan {
    /// The number of records.
    pub records: u64,
    /// Those of them that are held.
    pub held: u64,
    /// The names of the holds.
    pub holds: Vec<String>,
}

/// What an erasure did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErasureReport {
    /// Identifies the erasure.
    pub id: Uuid,
    /// The number of records of which values were erased.
    pub records: u64,
    /// Those of them that had been altered after they were sealed, and cannot be proved any more.
    pub altered: u64,
    /// What ids were replaced by.
    pub pseudonym: String,
}

/// Why nothing was erased.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErasureError {
    /// Records are held.
    #[error(
        "{held} of the records are held by {}; nothing was erased. Release the hold first, if that is lawful",
        holds.join(", ")
    )]
    Held {
        /// The number of records.
        held: u64,
        /// The names of holds.
        holds: Vec<String>,
    },
    /// There are too many records for one transaction.
    #[error("there are more than {RECORDS_MAX} records, which is too many for one erasure")]
    TooMany,
    /// The role does not own the log.
    #[error(
        "the role {role} does not own control_plane.audit_logs, and only its owner erases; connect as the role that \
         runs `auditrail migrate`"
    )]
    NotOwner {
        /// The role of the connection.
        role: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Erases as the owner of the log, over a connection for each erasure.
#[derive(Clone, Debug)]
pub struct Eraser {
    options: PgConnectOptions,
}

impl Eraser {
    /// For the database of these options. Does not connect yet.
    #[must_use]
    pub const fn new(options: PgConnectOptions) -> Self {
        Self { options }
    }

    /// Counts what an erasure would touch, and names the holds in its way. Changes nothing.
    ///
    /// # Errors
    /// [`ErasureError::TooMany`] and errors of the database.
    pub async fn plan(&self, subject: &Subject) -> Result<ErasurePlan, ErasureError> {
        let mut db = connect(&self.options).await?;
        let found = find::records((&mut db).into(), subject, RECORDS_MAX).await?;
        drop(db.close().await);
        plan_of(&found)
    }

    /// Erases, in one transaction, and records it. `on_progress` receives the number of records that are done.
    ///
    /// # Errors
    /// [`ErasureError`]; nothing was erased, unless the commit was not acknowledged.
    pub async fn erase(
        &self,
        erasure: &ErasureOptions,
        context: &RequestContext,
        on_progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<ErasureReport, ErasureError> {
        erase(&self.options, erasure, context, on_progress).await
    }
}

/// See [`Eraser::erase`].
async fn erase(
    options: &PgConnectOptions,
    erasure: &ErasureOptions,
    context: &RequestContext,
    on_progress: &mut (dyn FnMut(u64) + Send),
) -> Result<ErasureReport, ErasureError> {
    let mut db = connect(options).await?;
    check_owner(&mut db).await?;
    for statement in ["begin", update::OPEN_GUARD] {
        fetch(&mut db, &Sql::new(statement)).await?;
    }
    fetch(&mut db, &Sql::new("select from control_plane.audit_log_tree for update")).await?;
    let found = find::records((&mut db).into(), &erasure.subject, RECORDS_MAX).await?;
    let plan = plan_of(&found)?;
    if plan.held > 0 {
        return Err(ErasureError::Held { held: plan.held, holds: plan.holds });
    }
    let now = clock::now();
    let id = Uuid::from(clock::new_id(now)?);
    let mut report = ErasureReport { id, records: 0, altered: 0, pseudonym: pseudonym()? };
    fetch(&mut db, &erasure_sql(id, erasure)).await?;
    for chunk in found.chunks(CHUNK) {
        erase_chunk(&mut db, chunk, erasure, &mut report).await?;
        on_progress(report.records);
    }
    let places: Vec<Cursor> = found.iter().map(place).collect();
    rebuild_text_blocks(&mut db, &places).await?;
    let count = Sql::new("update control_plane.audit_log_erasures set records = $2 where id = $1");
    let records = i64::try_from(report.records).unwrap_or(i64::MAX);
    fetch(&mut db, &count.bind(id).bind(records)).await?;
    record(&mut db, erasure, &report, context).await?;
    fetch(&mut db, &Sql::new("commit")).await?;
    drop(db.close().await);
    Ok(report)
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let doing = "connect";
    let db = owner_session::connect(options, "auditrail erasure").await;
    let mut db = db.map_err(StoreError::while_trying_to(doing))?;
    let timeouts = format!("set lock_timeout = '{}ms'", LOCK_TIMEOUT.as_millis());
    let set = sqlx::raw_sql(sqlx::AssertSqlSafe(timeouts)).execute(&mut db).await;
    set.map_err(StoreError::while_trying_to(doing))?;
    Ok(db)
}

async fn fetch(db: &mut PgConnection, sql: &Sql) -> Result<Vec<Row>, StoreError> {
    let rows = Db::from(db).fetch(&sql.clone().unprepared()).await;
    rows.map_err(StoreError::while_trying_to("erase values"))
}

async fn check_owner(db: &mut PgConnection) -> Result<(), ErasureError> {
    let doing = "look up the owner of the log";
    let sql = Sql::new(
        "select pg_has_role(current_user, relowner, 'USAGE'), current_user::text
           from pg_class where oid = 'control_plane.audit_logs'::regclass",
    );
    let rows = fetch(db, &sql).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    let row = row.map_err(StoreError::while_trying_to(doing))?;
    if row.get(0).map_err(StoreError::while_trying_to(doing))? {
        return Ok(());
    }
    let role = row.get(1).map_err(StoreError::while_trying_to(doing))?;
    Err(ErasureError::NotOwner { role })
}

fn plan_of(found: &[Found]) -> Result<ErasurePlan, ErasureError> {
    if found.len() > RECORDS_MAX {
        return Err(ErasureError::TooMany);
    }
    let mut holds: Vec<String> = found.iter().filter_map(|record| record.hold.clone()).collect();
    let held = holds.len() as u64;
    holds.sort_unstable();
    holds.dedup();
    Ok(ErasurePlan { records: found.len() as u64, held, holds })
}

fn place(found: &Found) -> Cursor {
    Cursor { created_at: found.created_at, id: found.id.into() }
}

/// Ids are replaced by this. It identifies no person, and the same one in an erasure shows that it was the same subject.
fn pseudonym() -> Result<String, StoreError> {
    Ok(format!("erased-{:016x}", clock::random_number()?))
}

fn erasure_sql(id: Uuid, erasure: &ErasureOptions) -> Sql {
    Sql::new(
        "insert into control_plane.audit_log_erasures (id, reason, records, created_by)
         values ($1, $2, 0, $3)",
    )
    .bind(id)
    .bind(erasure.reason.as_str())
    .bind(erasure.by.to_string())
}

type Values = [Option<String>; FIELDS.len()];

/// A record with its values.
struct Stored<'a> {
    found: &'a Found,
    created_at: auditrail_core::RecordTime,
    values: Values,
}

/// Erases the values of some records.
async fn erase_chunk(
    db: &mut PgConnection,
    chunk: &[Found],
    erasure: &ErasureOptions,
    report: &mut ErasureReport,
) -> Result<(), StoreError> {
    let seqs = seqs::of((&mut *db).into(), chunk).await?;
    let stored = stored(db, chunk).await?;
    let ids: Vec<Uuid> = stored.iter().map(|record| record.found.id).collect();
    let mut earlier = kept::read((&mut *db).into(), &ids).await?;
    let mut keys = update::keys(&mut Db::from(&mut *db), seqs.values().copied()).await?;
    let bundles: Vec<i64> = keys.keys().copied().collect();
    let entries = rows::bundles((&mut *db).into(), &bundles).await?;
    let (mut kept, mut groups) = (Vec::new(), BTreeMap::<Vec<FieldName>, Vec<Uuid>>::new());
    for record in &stored {
        let Found { id, is_actor, is_target, .. } = record.found;
        let columns = erasure.fields.columns(*is_actor, *is_target);
        // Without an entry, or not sealed yet: it has no key.
        if let Some(seq) = seqs.get(id).copied() {
            let known = match update::key(&keys, seq) {
                Some(key) => Some(KeptFields::of_key(&key)),
                None => earlier.remove(id),
            };
            if let Some(mut fields) = known {
                let is_altered = !is_entry(record, &fields, entries_at(&entries, seq));
                report.altered += u64::from(is_altered);
                fields.erase(&columns, &record.values);
                kept.push((*id, seq, fields));
                update::destroy(&mut keys, seq);
            }
        }
        groups.entry(columns).or_default().push(*id);
    }
    if !kept.is_empty() {
        fetch(db, &update::kept_sql(report.id, &kept)).await?;
        fetch(db, &update::keys_sql(&keys)).await?;
    }
    for (columns, ids) in groups.iter().filter(|(columns, _)| !columns.is_empty()) {
        let sql = update::values_sql(ids, columns, &erasure.fields, &report.pseudonym);
        report.records += update::run(&mut Db::from(&mut *db), &sql.unprepared()).await?;
    }
    Ok(())
}

async fn stored<'a>(
    db: &mut PgConnection,
    chunk: &'a [Found],
) -> Result<Vec<Stored<'a>>, StoreError> {
    let doing = "read the fields of records";
    let by_id: BTreeMap<Uuid, &Found> = chunk.iter().map(|record| (record.id, record)).collect();
    let ids: Vec<Uuid> = by_id.keys().copied().collect();
    let rows = fetch(db, &records::fields_sql(&ids)).await?;
    let read = |row: &Row| -> Result<Option<Stored<'a>>, sqlx::Error> {
        let Some(found) = by_id.get(&row.get::<Uuid>(0)?) else { return Ok(None) };
        let mut values = [const { None }; FIELDS.len()];
        for field in FIELDS {
            values[field.index()] = row.get(2 + field.index())?;
        }
        Ok(Some(Stored { found, created_at: row.get::<PgTime>(1)?.0, values }))
    };
    let stored = rows.iter().filter_map(|row| read(row).transpose()).collect::<Result<_, _>>();
    stored.map_err(StoreError::while_trying_to(doing))
}

fn entries_at(entries: &BTreeMap<u64, Vec<LogEntry>>, seq: u64) -> Option<&LogEntry> {
    let width = FULL_WIDTH as u64;
    entries.get(&(seq / width))?.get(usize::try_from(seq % width).ok()?)
}

/// Whether the entry is that of the record as it is.
fn is_entry(record: &Stored<'_>, fields: &KeptFields, entry: Option<&LogEntry>) -> bool {
    let disclosed = fields.disclosed(&record.values);
    let commitments = FIELDS.map(|field| disclosed[field.index()].commitment(field));
    let (id, created_at) = (record.found.id, record.created_at);
    let expected = Entry { id, created_at, fields_root: fields_root(&commitments) };
    entry == Some(&LogEntry::Record(expected))
}

/// Adds the record of the erasure.
async fn record(
    db: &mut PgConnection,
    erasure: &ErasureOptions,
    report: &ErasureReport,
    context: &RequestContext,
) -> Result<(), StoreError> {
    let metadata = json!({
        "erasure_id": report.id,
        "reason": erasure.reason,
        "fields": erasure.fields.names().collect::<Vec<_>>(),
        "records": report.records,
        "altered": report.altered,
    });
    let metadata: Metadata = metadata.to_string().parse().unwrap_or_default();
    let target = Target::new(
        TargetType::from_stored("audit_log_subject"),
        TargetId::from_stored(report.pseudonym.as_str()),
    );
    let input =
        CreateInput::new(erasure.by.clone(), Action::from_stored("audit_log.erased"), target)
            .with_context(context.clone())
            .with_metadata(metadata);
    let now = clock::now();
    let record = input.into_record(clock::new_id(now)?, now);
    match insert_one(db.into(), &record).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::IdConflict { id: record.id }),
    }
}
