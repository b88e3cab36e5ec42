//! The proof of a record, from the record, its key and the log.

use auditrail_core::{RecordId, TenantId};
use auditrail_evidence::{Entry, FIELDS, LogEntry, RecordKey, RecordProof, fields_root};
use tlog::{Checkpoint, FULL_WIDTH, ProofFile, SignedNote, inclusion};

use super::kept::{self, KeptFields};
use super::read::{Keyed, Reading, newest, proof};
use super::records::text_of;
use super::rows::{self, number};
use super::seq::seq_of;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::key_version::ApiKeyVersion;
use crate::records::PgAuditLog;
use crate::sql::Sql;
use crate::value::{PgTime, XactId};

/// What there is to prove a record with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofOutcome {
    /// The log has no such record.
    NoRecord,
    /// The record is not in a signed checkpoint yet; that takes about a second after its commit, if checkpoints are signed.
    NotSigned,
    /// Its proof, which shows every field.
    Proved(Box<RecordProof>),
}

impl PgAuditLog {
    /// The proof of a record, if it is of the tenant, under the newest checkpoint. It was compared with the log: the fields
    /// are those of the entry.
    ///
    /// # Errors
    /// [`StoreError::AlteredRecord`] if the record is not the one that was sealed; [`StoreError::DamagedTree`],
    /// [`StoreError::KeyChanged`] and other errors.
    pub async fn proof(
        &self,
        id: RecordId,
        tenant: Option<&TenantId>,
        key: Option<ApiKeyVersion>,
    ) -> Result<ProofOutcome, StoreError> {
        self.read(&Keyed(Proof { id, tenant }, key), key).await
    }
}

struct Proof<'a> {
    id: RecordId,
    /// The only tenant whose record is proved; `None` for any record.
    tenant: Option<&'a TenantId>,
}

impl Reading for Proof<'_> {
    type Output = ProofOutcome;

    async fn read(&self, mut db: Db<'_>) -> Result<ProofOutcome, StoreError> {
        let Some(stored) = Stored::read(db.again(), self.id).await? else {
            return Ok(ProofOutcome::NoRecord);
        };
        if self.tenant.is_some_and(|tenant| stored.tenant() != Some(tenant.as_str())) {
            return Ok(ProofOutcome::NoRecord);
        }
        let Some(seq) = seq_of(db.again(), stored.xact_id, self.id).await? else {
            return Ok(ProofOutcome::NotSigned);
        };
        let Some(note) = newest(db.again()).await? else { return Ok(ProofOutcome::NotSigned) };
        let (checkpoint, size) = parse(&note)?;
        let Some(spans) = inclusion::spans(seq, size) else { return Ok(ProofOutcome::NotSigned) };
        let kept = match record_key(db.again(), seq).await? {
            Some(key) => KeptFields::of_key(&key),
            None => kept_fields(db.again(), self.id, seq).await?,
        };
        let fields = kept.disclosed(&stored.values);
        let hashes = proof(db.again(), &spans, size).await?;
        let tlog_proof = ProofFile { extra: None, index: seq, proof: hashes, checkpoint };
        let (id, created_at) = (*self.id.as_uuid(), stored.created_at);
        let proof = RecordProof { id, created_at, fields, tlog_proof };
        compare(db, &proof, seq).await?;
        Ok(ProofOutcome::Proved(Box::new(proof)))
    }
}

fn parse(note: &str) -> Result<(SignedNote, u64), StoreError> {
    let damaged = |detail| StoreError::DamagedTree { detail };
    let note = SignedNote::parse(note.as_bytes()).map_err(|error| damaged(error.to_string()))?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| damaged(error.to_string()))?;
    Ok((note, checkpoint.size()))
}

/// A record as it is stored.
struct Stored {
    created_at: auditrail_core::RecordTime,
    xact_id: XactId,
    values: [Option<String>; FIELDS.len()],
}

impl Stored {
    async fn read(mut db: Db<'_>, id: RecordId) -> Result<Option<Self>, StoreError> {
        let doing = "read a record";
        let mut sql = Sql::new("select created_at, xact_id");
        for field in FIELDS {
            sql.push(", ").push(&text_of(field));
        }
        sql.push(" from control_plane.audit_logs where id = ").push_bind(id.as_uuid());
        let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
        let stored = rows.first().map(Self::of).transpose();
        stored.map_err(StoreError::while_trying_to(doing))
    }

    fn of(row: &Row) -> Result<Self, sqlx::Error> {
        let PgTime(created_at) = row.get(0)?;
        let mut values = [const { None }; FIELDS.len()];
        for field in FIELDS {
            let value: Option<&str> = row.get(2 + field.index())?;
            values[field.index()] = value.map(str::to_owned);
        }
        Ok(Self { created_at, xact_id: row.get(1)?, values })
    }

    fn tenant(&self) -> Option<&str> {
        let field = FIELDS.into_iter().find(|field| field.as_str() == "tenant_id")?;
        self.values[field.index()].as_deref()
    }
}

/// What is kept of a record of which values were erased.
async fn kept_fields(db: Db<'_>, id: RecordId, seq: u64) -> Result<KeptFields, StoreError> {
    let kept = kept::read(db, &[*id.as_uuid()]).await?.remove(id.as_uuid());
    // A key that is gone without an erasure.
    kept.ok_or(StoreError::AlteredRecord { id, seq })
}

/// The key of the record with this seq; none if it was destroyed.
async fn record_key(mut db: Db<'_>, seq: u64) -> Result<Option<RecordKey>, StoreError> {
    let doing = "read the key of a record";
    let width = FULL_WIDTH as u64;
    let sql = Sql::new(
        "select substr(keys, $2 * 32 + 1, 32)
           from control_plane.audit_log_record_keys where bundle = $1",
    )
    .bind(number(seq / width))
    .bind(i32::try_from(seq % width).unwrap_or(0));
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
    let key = rows.first().map(|row| row.get::<&[u8]>(0)).transpose();
    let key = key.map_err(StoreError::while_trying_to(doing))?.and_then(|key| key.try_into().ok());
    let missing = || StoreError::DamagedTree { detail: format!("entry {seq} has no record key") };
    let key: [u8; RecordKey::BYTES] = key.ok_or_else(missing)?;
    Ok((key != [0; RecordKey::BYTES]).then_some(RecordKey::new(key)))
}

/// Compares what is to be proved with the entry that the log has.
async fn compare(db: Db<'_>, proof: &RecordProof, seq: u64) -> Result<(), StoreError> {
    let width = FULL_WIDTH as u64;
    let bundle = rows::bundle(db, seq / width).await?.unwrap_or_default();
    let position = usize::try_from(seq % width).unwrap_or(0);
    let commitments = FIELDS.map(|field| proof.fields[field.index()].commitment(field));
    let (id, created_at) = (proof.id, proof.created_at);
    let expected = Entry { id, created_at, fields_root: fields_root(&commitments) };
    if bundle.get(position) == Some(&LogEntry::Record(expected)) {
        return Ok(());
    }
    Err(StoreError::AlteredRecord { id: id.into(), seq })
}
