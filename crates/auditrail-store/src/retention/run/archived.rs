//! The archives of a run.

use auditrail_core::{ArchiveManifest, SeqBounds};

use super::context::Context;
use super::error::RetentionError;
use super::ledger::ArchiveReference;
use super::session::Session;
use crate::archive::{ArchiveDir, ArchiveError, ArchiveReader, ArchiveWriter, blocking};
use crate::error::StoreError;
use crate::sql::Sql;

/// A complete archive of records that are to be removed.
#[derive(Clone, Debug)]
pub(super) struct Archived {
    pub(super) dir: ArchiveDir,
    pub(super) manifest: ArchiveManifest,
    /// SHA-256 of the manifest.
    sha256: String,
}

impl Archived {
    /// Completes an archive, which is read back.
    pub(super) async fn complete(
        writer: ArchiveWriter,
        schema_version: i64,
        bounds: Option<String>,
        seq: Option<SeqBounds>,
    ) -> Result<Self, ArchiveError> {
        let complete = move || {
            let dir = writer.dir().clone();
            let manifest = writer.finish(schema_version, bounds, seq)?;
            let sha256 = dir.manifest_sha256(manifest.name())?;
            Ok(Self { dir, manifest, sha256 })
        };
        blocking(complete).await
    }

    /// What the list of removals says about it.
    pub(super) fn reference(&self) -> ArchiveReference {
        ArchiveReference { name: self.manifest.name().to_string(), sha256: self.sha256.clone() }
    }

    /// Opens its lines, if it is still as it was completed.
    pub(super) async fn open(&self) -> Result<ArchiveReader, ArchiveError> {
        let archive = self.clone();
        let open = move || {
            archive.dir.check_manifest(archive.manifest.name(), &archive.sha256)?;
            ArchiveReader::open(&archive.dir, archive.manifest)
        };
        blocking(open).await
    }
}

/// Adds lines to an archive.
pub(super) async fn write(
    mut writer: ArchiveWriter,
    lines: Vec<String>,
) -> Result<ArchiveWriter, ArchiveError> {
    if lines.is_empty() {
        return Ok(writer);
    }
    blocking(move || writer.write(&lines).map(|()| writer)).await
}

/// Bounds of the positions of an archive's records: those of the entries of their transactions. `None` without an
/// order.
pub(super) async fn seq_bounds(
    db: &mut Session,
    context: &Context,
    writer: &ArchiveWriter,
) -> Result<Option<SeqBounds>, RetentionError> {
    if !context.has_order {
        return Ok(None);
    }
    let doing = "look up the positions of archived records";
    let xact_id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    let (lowest, highest) = writer.xact_ids();
    let sql = Sql::new(
        "select min(first_seq), max(first_seq + records - 1) from control_plane.audit_log_entries
          where highest_xact_id >= $1 and lowest_xact_id <= $2",
    )
    .bind(xact_id(lowest))
    .bind(xact_id(highest));
    let rows = db.fetch(doing, sql).await?;
    let bound = |column| -> Result<Option<u64>, StoreError> {
        let value: Option<Option<i64>> = rows
            .first()
            .map(|row| row.get(column))
            .transpose()
            .map_err(StoreError::while_trying_to(doing))?;
        Ok(value.flatten().and_then(|seq| u64::try_from(seq).ok()))
    };
    let (lowest, highest) = (bound(0)?, bound(1)?);
    Ok(lowest.zip(highest).map(|(lowest, highest)| SeqBounds { lowest, highest }))
}
