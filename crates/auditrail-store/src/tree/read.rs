//! What the log serves: checkpoints, tiles, entries and consistency proofs.

use tlog::{Hash, Resource, TilePath, Tiles, bundle, consistency, tiles_of};

use super::rows;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::key_version::{ApiKeyVersion, verify_for_reading_sql};
use crate::records::PgAuditLog;
use crate::sessions::Read;
use crate::sql::Sql;

impl PgAuditLog {
    /// The newest checkpoint, as a signed note; none before the first one was signed.
    ///
    /// # Errors
    /// [`StoreError`], and [`StoreError::KeyChanged`] if a key is given and has changed.
    pub async fn checkpoint(
        &self,
        key: Option<ApiKeyVersion>,
    ) -> Result<Option<String>, StoreError> {
        self.read(&Keyed(Newest, key), key).await
    }

    /// The public keys of all keys that have signed checkpoints, oldest first.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint).
    pub async fn verifier_keys(
        &self,
        key: Option<ApiKeyVersion>,
    ) -> Result<Vec<String>, StoreError> {
        self.read(&Keyed(VerifierKeys, key), key).await
    }

    /// The bytes of a tile of hashes or of a bundle of entries; none if the log does not have it.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint); [`StoreError::DamagedTree`].
    pub async fn tile(
        &self,
        path: TilePath,
        key: Option<ApiKeyVersion>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(&Keyed(Tile(path), key), key).await
    }

    /// The proof that the log of size `to` begins with that of size `from`; none if the log is smaller than `to`, or
    /// `to` smaller than `from`.
    ///
    /// # Errors
    /// As [`tile`](Self::tile).
    pub async fn consistency(
        &self,
        from: u64,
        to: u64,
        key: Option<ApiKeyVersion>,
    ) -> Result<Option<Vec<Hash>>, StoreError> {
        self.read(&Keyed(Consistency { from, to }, key), key).await
    }
}

/// What is read, without the check of a key.
pub(super) trait Reading: Sync {
    type Output: Send;

    fn read(&self, db: Db<'_>) -> impl Future<Output = Result<Self::Output, StoreError>> + Send;
}

/// A reading, in one exchange with the check of a key.
pub(super) struct Keyed<R>(pub(super) R, pub(super) Option<ApiKeyVersion>);

impl<R: Reading> Read for Keyed<R> {
    type Output = R::Output;

    fn prologue(&self) -> Vec<Sql> {
        self.1.map(|key| verify_for_reading_sql(&[key])).into_iter().collect()
    }

    async fn read(&self, db: Db<'_>) -> Result<Self::Output, StoreError> {
        self.0.read(db).await
    }
}

const DOING: &str = "read the transparency log";

struct Newest;

impl Reading for Newest {
    type Output = Option<String>;

    async fn read(&self, db: Db<'_>) -> Result<Self::Output, StoreError> {
        newest(db).await
    }
}

/// The newest checkpoint, as a signed note.
pub(super) async fn newest(mut db: Db<'_>) -> Result<Option<String>, StoreError> {
    let sql = Sql::new(
        "select note from control_plane.audit_log_checkpoints order by number desc limit 1",
    );
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(DOING))?;
    let note = rows.first().map(text).transpose();
    note.map_err(StoreError::while_trying_to(DOING))
}

fn text(row: &Row) -> Result<String, sqlx::Error> {
    row.get::<&str>(0).map(str::to_owned)
}

struct VerifierKeys;

impl Reading for VerifierKeys {
    type Output = Vec<String>;

    async fn read(&self, mut db: Db<'_>) -> Result<Self::Output, StoreError> {
        let sql = Sql::new(
            "select verifier_key from control_plane.audit_log_verifier_keys
              order by added_at, verifier_key",
        );
        let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(DOING))?;
        let keys = rows.iter().map(text).collect::<Result<_, _>>();
        keys.map_err(StoreError::while_trying_to(DOING))
    }
}

struct Tile(TilePath);

impl Reading for Tile {
    type Output = Option<Vec<u8>>;

    async fn read(&self, db: Db<'_>) -> Result<Self::Output, StoreError> {
        let Self(path) = *self;
        let (index, width) = (path.index(), path.width());
        if path.resource() == Resource::Entries {
            let Some(entries) = rows::bundle(db, index).await? else { return Ok(None) };
            let mut bytes = Vec::new();
            for entry in entries.get(..width).unwrap_or_default() {
                // An entry has less than a hundred bytes.
                let pushed = bundle::push(&mut bytes, &entry.to_bytes());
                debug_assert!(pushed.is_ok());
            }
            return Ok((!bytes.is_empty()).then_some(bytes));
        }
        let found = rows::hashes(db, [path]).await?.into_values().next().unwrap_or_default();
        let hashes = found.get(..width);
        Ok(hashes.map(|hashes| hashes.iter().flat_map(|hash| hash.0).collect()))
    }
}

struct Consistency {
    from: u64,
    to: u64,
}

impl Reading for Consistency {
    type Output = Option<Vec<Hash>>;

    async fn read(&self, mut db: Db<'_>) -> Result<Self::Output, StoreError> {
        let Some(spans) = consistency::spans(self.from, self.to) else { return Ok(None) };
        if size(db.again()).await? < self.to {
            return Ok(None);
        }
        proof(db, &spans, self.to).await.map(Some)
    }
}

async fn size(mut db: Db<'_>) -> Result<u64, StoreError> {
    let sql = Sql::new("select size from control_plane.audit_log_tree");
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(DOING))?;
    let size = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.get(0));
    let size: i64 = size.map_err(StoreError::while_trying_to(DOING))?;
    Ok(u64::try_from(size).unwrap_or(0))
}

/// The hashes of a proof, of which these are the ranges, in a tree of this size.
pub(super) async fn proof(
    db: Db<'_>,
    spans: &[tlog::Span],
    size: u64,
) -> Result<Vec<Hash>, StoreError> {
    let mut tiles = Tiles::new();
    for ((level, index), hashes) in rows::hashes(db, tiles_of(spans, size)).await? {
        tiles.insert(level, index, hashes);
    }
    tiles.proof(spans).map_err(|error| StoreError::DamagedTree { detail: error.to_string() })
}
