//! Writes a pack.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use auditrail_evidence::pack::{PackHashes, PackLine, PackRange, PackWriter, names, readme};
use auditrail_store::tree::EvidenceLeaf;
use auditrail_store::{PgAuditLog, StoreError};
use tempfile::NamedTempFile;
use tlog::{Checkpoint, Hash, MissingNode, RangeError};

use super::filters::PackFilters;
use super::sync_directory;
use crate::error::Error;
use crate::output::Output;
use crate::output::file::{directory_of, temporary_beside};
use crate::output::progress::Meter;

/// The verifier in each pack.
const SCRIPT: &str = include_str!("../../../../../docs/auditrail_verify.py");

/// What a pack is made of.
pub(super) struct Sources<'a> {
    pub(super) log: &'a PgAuditLog,
    pub(super) filters: &'a PackFilters,
    pub(super) policy: &'a [u8],
    pub(super) note: &'a str,
}

/// A pack that is created: a temporary file beside it, readable only by its owner, and one without a name for its hashes.
pub(super) struct Pack<'a> {
    path: &'a Path,
    file: BufWriter<NamedTempFile>,
    hashes: BufWriter<File>,
    /// The first error of writing hashes.
    failed: Option<io::Error>,
}

/// A hash of the tree that the database does not have.
enum NoHash {
    Missing(MissingNode),
    Range(RangeError),
}

impl<'a> Pack<'a> {
    pub(super) fn create(path: &'a Path) -> Result<Self, Error> {
        let hashes = tempfile::tempfile_in(directory_of(path))
            .map_err(Error::io("create a temporary file next to", path))?;
        let (file, hashes) = (BufWriter::new(temporary_beside(path)?), BufWriter::new(hashes));
        Ok(Self { path, file, hashes, failed: None })
    }

    /// Writes the records of the range, and everything else. Returns the range with the numbers of records, and how long it
    /// took.
    pub(super) async fn write(
        self,
        output: Output,
        sources: &Sources<'_>,
        checkpoint: &Checkpoint,
        mut range: PackRange,
    ) -> Result<(PackRange, Duration), Error> {
        let Self { path, file, mut hashes, mut failed } = self;
        let error = || Error::io("write to", path);
        let mut records = PackWriter::new(file)
            .file(names::POLICY, sources.policy)
            .and_then(|pack| pack.file(names::CHECKPOINT, sources.note.as_bytes()))
            .and_then(|pack| pack.file(names::SCRIPT, SCRIPT.as_bytes()))
            .and_then(|pack| pack.start(names::RECORDS))
            .map_err(error())?;
        let mut write_hash = |hash: Hash| {
            if let (None, Err(error)) = (&failed, hashes.write_all(&hash.0)) {
                failed = Some(error);
            }
        };
        let mut tree = PackHashes::new();
        extend(sources.log, &mut tree, range.from_seq, checkpoint.size()).await?;
        let mut meter = Meter::entries(output, range.to_seq - range.from_seq + 1);
        let (filters, mut line) = (sources.filters, Vec::new());
        while tree.next_seq() <= range.to_seq {
            let from = tree.next_seq();
            let leaves = sources.log.evidence(filters.filters.as_ref(), from, range.to_seq).await?;
            for leaf in leaves {
                let mut shown = match leaf {
                    EvidenceLeaf::Hidden(hash) => {
                        tree.hidden(hash);
                        continue;
                    }
                    EvidenceLeaf::Shown(line) => line,
                };
                match shown {
                    PackLine::Record { .. } => range.records += 1,
                    PackLine::Left { .. } => range.left += 1,
                }
                filters.withhold(&mut shown);
                shown.write(&mut line);
                tree.shown(shown.leaf_hash(), &mut write_hash);
            }
            records.write_all(&line).map_err(error())?;
            line.clear();
            meter.update(tree.next_seq() - range.from_seq, range.records + range.left);
        }
        extend(sources.log, &mut tree, checkpoint.size(), checkpoint.size()).await?;
        if tree.finish(&mut write_hash) != *checkpoint.root() {
            return Err(other_root(checkpoint.size()));
        }
        failed.map_or(Ok(()), Err).map_err(error())?;
        let hashes = hashes.into_inner().map_err(|failed| error()(failed.into_error()))?;
        let pack = records.finish().map_err(error())?;
        let file = finish(pack, hashes, checkpoint, &range).map_err(error())?;
        persist(file, path)?;
        Ok((range, meter.finish()))
    }
}

/// Adds the leaves up to before `end` by the tiles of the log.
async fn extend(log: &PgAuditLog, tree: &mut PackHashes, end: u64, size: u64) -> Result<(), Error> {
    let tiles = log.tiles_of_range(tree.next_seq(), end, size).await?;
    let extended = tree.hidden_until(end, |node| tiles.node(node).map_err(NoHash::Missing));
    extended.map_err(|error| {
        let detail = match error {
            NoHash::Missing(error) => error.to_string(),
            NoHash::Range(error) => error.to_string(),
        };
        StoreError::DamagedTree { detail }.into()
    })
}

impl From<RangeError> for NoHash {
    fn from(error: RangeError) -> Self {
        Self::Range(error)
    }
}

/// Writes what comes after the records.
fn finish(
    pack: PackWriter<BufWriter<NamedTempFile>>,
    mut hashes: File,
    checkpoint: &Checkpoint,
    range: &PackRange,
) -> io::Result<NamedTempFile> {
    hashes.rewind()?;
    let mut entry = pack.start(names::HASHES)?;
    io::copy(&mut BufReader::new(hashes), &mut entry)?;
    let pack = entry.finish()?.file(names::RANGE, range.to_json().as_bytes())?;
    let out = pack.file(names::README, readme(checkpoint, range).as_bytes())?.finish()?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Gives the file its name, if there is none of this name.
fn persist(file: NamedTempFile, path: &Path) -> Result<(), Error> {
    match file.persist_noclobber(path) {
        Ok(_) => sync_directory(path),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Error::exists(path, "choose another file: a pack replaces none"))
        }
        Err(error) => Err(Error::io("rename the temporary file to", path)(error.error)),
    }
}

fn other_root(size: u64) -> Error {
    let detail =
        format!("its entries do not lead to the root of its newest checkpoint, of size {size}");
    StoreError::DamagedTree { detail }.into()
}
