//! What a pack of evidence has: records in the order of their seq, compared with their entries, and hashes of the tree.

use std::collections::HashMap;

use auditrail_core::{Filters, RecordId};
use auditrail_evidence::pack::PackLine;
use auditrail_evidence::{FIELDS, LogEntry, RecordKey};
use tlog::{FULL_WIDTH, Hash, TilePath, Tiles, tiles_of_range};
use uuid::Uuid;

use super::kept::KeptFields;
use super::read::{Keyed, Reading};
use super::records::text_of;
use super::rows;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::records::{PgAuditLog, matching};
use crate::sql::Sql;
use crate::value::PgTime;

const DOING: &str = "read records and their keys";
/// Bytes of rows in one response.
const ROWS_MAX_BYTES: usize = 8 * 1024 * 1024;

/// A leaf of the tree, for a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceLeaf {
    /// A record that matches, with every field, or one that left.
    Shown(PackLine),
    /// The hash of an entry whose record does not match.
    Hidden(Hash),
}

impl PgAuditLog {
    /// The leaves of some seqs from `from` on, at most up to `to`, and at least one: the rest of a bundle, or a part of it
    /// if its records are large. Each record was compared with its entry. With filters, the records that match are shown,
    /// and those that left are hidden.
    ///
    /// The role needs the privileges to read record keys.
    ///
    /// # Errors
    /// [`StoreError::AlteredRecord`] if a record is not the one that was sealed; [`StoreError::DamagedTree`] if the log has
    /// no entries there, and other errors.
    pub async fn evidence(
        &self,
        filters: Option<&Filters>,
        from: u64,
        to: u64,
    ) -> Result<Vec<EvidenceLeaf>, StoreError> {
        self.read(&Keyed(Leaves { filters, from, to }, None), None).await
    }

    /// The tiles that have the hashes of the leaves from `start` to before `end`, in a tree of this size.
    ///
    /// # Errors
    /// [`StoreError::DamagedTree`] and errors of the database.
    pub async fn tiles_of_range(
        &self,
        start: u64,
        end: u64,
        size: u64,
    ) -> Result<Tiles, StoreError> {
        self.read(&Keyed(RangeTiles { start, end, size }, None), None).await
    }
}

struct RangeTiles {
    start: u64,
    end: u64,
    size: u64,
}

impl Reading for RangeTiles {
    type Output = Tiles;

    async fn read(&self, db: Db<'_>) -> Result<Tiles, StoreError> {
        let paths: Vec<TilePath> =
            tiles_of_range(self.start, self.end, self.size).into_iter().collect();
        let mut tiles = Tiles::new();
        for ((level, index), hashes) in rows::hashes(db, paths).await? {
            tiles.insert(level, index, hashes);
        }
        Ok(tiles)
    }
}

struct Leaves<'a> {
    filters: Option<&'a Filters>,
    from: u64,
    to: u64,
}

impl Reading for Leaves<'_> {
    type Output = Vec<EvidenceLeaf>;

    async fn read(&self, mut db: Db<'_>) -> Result<Self::Output, StoreError> {
        let width = FULL_WIDTH as u64;
        let (bundle, first) = (self.from / width, self.from % width);
        let entries = rows::bundle(db.again(), bundle).await?.unwrap_or_default();
        let count = usize::try_from(self.to - self.from + 1).unwrap_or(usize::MAX);
        let entries = entries.get(usize::try_from(first).unwrap_or_default()..);
        let entries: Vec<LogEntry> =
            entries.unwrap_or_default().iter().take(count).copied().collect();
        if entries.is_empty() {
            let detail = format!("the log has no entry {}", self.from);
            return Err(StoreError::DamagedTree { detail });
        }
        let ids: Vec<Uuid> = entries.iter().map(LogEntry::id).collect();
        let matching = match self.filters {
            Some(filters) => matching(db.again(), filters, &ids).await?,
            None => ids.iter().copied().collect(),
        };
        let wanted: Vec<(i64, Uuid)> =
            (1..).zip(ids).filter(|(_, id)| matching.contains(id)).collect();
        let found = Found::read(db, bundle, first, &wanted).await?;
        self.leaves(&entries, &found)
    }
}

impl Leaves<'_> {
    /// The leaves up to the last one whose row was read.
    fn leaves(&self, entries: &[LogEntry], found: &Found) -> Result<Vec<EvidenceLeaf>, StoreError> {
        let leaf = |(place, entry): (i64, &LogEntry)| {
            let (seq, entry) = (self.from + place.unsigned_abs() - 1, *entry);
            Ok(match found.rows.get(&place) {
                Some(stored) => EvidenceLeaf::Shown(stored.line(seq, entry)?),
                None if self.filters.is_none() => {
                    EvidenceLeaf::Shown(PackLine::Left { seq, entry })
                }
                // It does not match, or left since it did.
                None => EvidenceLeaf::Hidden(entry.leaf_hash()),
            })
        };
        let read = (1..).zip(entries).take_while(|(place, _)| *place <= found.until);
        read.map(leaf).collect()
    }
}

/// Records that are in the log, by the place of their entry, from 1.
struct Found {
    rows: HashMap<i64, Stored>,
    /// The last place that was read.
    until: i64,
}

impl Found {
    /// Reads records and their keys in one statement, and so in one snapshot: erasing a field changes both.
    async fn read(
        mut db: Db<'_>,
        bundle: u64,
        first: u64,
        wanted: &[(i64, Uuid)],
    ) -> Result<Self, StoreError> {
        if wanted.is_empty() {
            return Ok(Self { rows: HashMap::new(), until: i64::MAX });
        }
        let sql = statement(bundle, first, wanted);
        let found = db.fetch_within(&sql, ROWS_MAX_BYTES, false).await;
        let found = found.map_err(StoreError::while_trying_to(DOING))?;
        let read = |row: &Row| -> Result<(i64, Stored), sqlx::Error> {
            Ok((row.get(0)?, Stored::of(row)?))
        };
        let rows = found.rows.iter().map(read).collect::<Result<HashMap<_, _>, _>>();
        let rows = rows.map_err(StoreError::while_trying_to(DOING))?;
        let last = rows.keys().copied().max().unwrap_or(i64::MAX);
        Ok(Self { rows, until: if found.is_truncated { last } else { i64::MAX } })
    }
}

fn statement(bundle: u64, first: u64, wanted: &[(i64, Uuid)]) -> Sql {
    let mut sql = Sql::new("select wanted.place, substr(k.keys, ((");
    sql.push_bind(rows::number(first))
        .push(" + wanted.place - 1) * 32 + 1)::integer, 32), r.created_at");
    for field in FIELDS {
        sql.push(", r.").push(field.as_str());
    }
    sql.push(", e.fields from unnest(").push_bind_array(wanted.iter().map(|(place, _)| *place));
    sql.push(", ").push_bind_array(wanted.iter().map(|(_, id)| id));
    sql.push(") as wanted (place, id) cross join lateral (select created_at");
    for field in FIELDS {
        sql.push(", ").push(&text_of(field)).push(" as ").push(field.as_str());
    }
    sql.push(
        " from control_plane.audit_logs where id = wanted.id limit 1) r
          left join control_plane.audit_log_erased_records e on e.id = wanted.id
          left join control_plane.audit_log_record_keys k on k.bundle = ",
    );
    sql.push_bind(rows::number(bundle)).push(" order by wanted.place");
    sql
}

/// A record as it is stored, with what proves its fields.
struct Stored {
    created_at: auditrail_core::RecordTime,
    /// From its key, or what is kept of it if values were erased; `None` if the log has neither.
    kept: Option<KeptFields>,
    values: [Option<String>; FIELDS.len()],
}

impl Stored {
    fn of(row: &Row) -> Result<Self, sqlx::Error> {
        let key: Option<&[u8]> = row.get(1)?;
        let PgTime(created_at) = row.get(2)?;
        let mut values = [const { None }; FIELDS.len()];
        for field in FIELDS {
            let value: Option<&str> = row.get(3 + field.index())?;
            values[field.index()] = value.map(str::to_owned);
        }
        let erased: Option<&[u8]> = row.get(3 + FIELDS.len())?;
        let key = key.and_then(|key| <[u8; RecordKey::BYTES]>::try_from(key).ok());
        let kept = match key.filter(|key| *key != [0; RecordKey::BYTES]) {
            Some(key) => Some(KeptFields::of_key(&RecordKey::new(key))),
            None => erased.and_then(KeptFields::unpack),
        };
        Ok(Self { created_at, kept, values })
    }

    /// The line of the record, if it is that of the entry.
    fn line(&self, seq: u64, entry: LogEntry) -> Result<PackLine, StoreError> {
        let Some(kept) = &self.kept else {
            let detail = format!("entry {seq} has no record key");
            return Err(StoreError::DamagedTree { detail });
        };
        let fields = kept.disclosed(&self.values);
        let (id, created_at) = (entry.id(), self.created_at);
        let line = PackLine::Record { seq, id, created_at, fields: Box::new(fields) };
        if line.leaf_hash() == entry.leaf_hash() {
            return Ok(line);
        }
        Err(StoreError::AlteredRecord { id: RecordId::from(id), seq })
    }
}
