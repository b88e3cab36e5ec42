//! Writes an archive.

use std::io::{BufWriter, Write};
use std::path::Path;

use auditrail_core::limits::ARCHIVE_LINE_MAX_BYTES;
use auditrail_core::{ArchiveManifest, ArchiveName, ArchivedLine, SeqBounds};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::dir::{ArchiveDir, hexadecimal};
use super::error::ArchiveError;
use super::reader::ArchiveReader;

/// The level of the compression. Level 9 saves another tenth for four times the processor time.
const LEVEL: i32 = 3;
/// Temporary files start with this; they are no archives.
const TEMPORARY: &str = ".auditrail-archive-";

/// An archive that is being written, to a temporary file, which is removed with this value.
pub(crate) struct ArchiveWriter {
    dir: ArchiveDir,
    manifest: ArchiveManifest,
    encoder: zstd::Encoder<'static, Hashed>,
    lines_hash: Sha256,
}

/// A file whose bytes are hashed as they are written.
struct Hashed {
    file: BufWriter<NamedTempFile>,
    hash: Sha256,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl ArchiveWriter {
    /// Starts an archive of records of a table.
    pub(crate) fn create(
        dir: &ArchiveDir,
        name: ArchiveName,
        partition: &str,
    ) -> Result<Self, ArchiveError> {
        let manifest = ArchiveManifest::empty(name, env!("CARGO_PKG_VERSION"), partition);
        let file = temporary(dir)?;
        let hashed = Hashed { file: BufWriter::new(file), hash: Sha256::new(), bytes: 0 };
        let encoder = zstd::Encoder::new(hashed, LEVEL)
            .and_then(|mut encoder| {
                encoder.include_checksum(true)?;
                Ok(encoder)
            })
            .map_err(ArchiveError::io("write to", dir.path()))?;
        Ok(Self { dir: dir.clone(), manifest, encoder, lines_hash: Sha256::new() })
    }

    /// The directory that it is written to.
    pub(crate) const fn dir(&self) -> &ArchiveDir {
        &self.dir
    }

    /// The number of records so far.
    pub(crate) const fn records(&self) -> u64 {
        self.manifest.records
    }

    /// The lowest and the highest transaction id so far.
    pub(crate) const fn xact_ids(&self) -> (u64, u64) {
        (self.manifest.lowest_xact_id, self.manifest.highest_xact_id)
    }

    /// Adds lines, without their line feeds.
    pub(crate) fn write(&mut self, lines: &[String]) -> Result<(), ArchiveError> {
        for line in lines {
            let parsed = ArchivedLine::parse(line.as_bytes())
                .map_err(ArchiveError::form(self.dir.path()))?;
            let bytes = line.len() + 1;
            if bytes > ARCHIVE_LINE_MAX_BYTES {
                let (id, max) = (parsed.id.to_string(), ARCHIVE_LINE_MAX_BYTES);
                return Err(ArchiveError::LineTooLong { id, bytes, max });
            }
            for part in [line.as_bytes(), b"\n"] {
                self.lines_hash.update(part);
                self.encoder
                    .write_all(part)
                    .map_err(ArchiveError::io("write to", self.dir.path()))?;
            }
            self.manifest.include(&parsed, bytes as u64);
        }
        Ok(())
    }

    /// Completes the archive: the lines are on disk and were read back before the manifest is written, and the
    /// manifest is on disk when this returns it.
    pub(crate) fn finish(
        self,
        schema_version: i64,
        bounds: Option<String>,
        seq: Option<SeqBounds>,
    ) -> Result<ArchiveManifest, ArchiveError> {
        let Self { dir, mut manifest, encoder, lines_hash } = self;
        let io = || ArchiveError::io("write to", dir.path());
        let Hashed { file, hash, bytes } = encoder.finish().map_err(io())?;
        let file = file.into_inner().map_err(|error| io()(error.into_error()))?;
        manifest.lines_sha256 = hexadecimal(&lines_hash.finalize());
        manifest.file_sha256 = hexadecimal(&hash.finalize());
        manifest.file_bytes = bytes;
        manifest.schema_version = schema_version;
        manifest.bounds = bounds;
        manifest.seq = seq;
        publish(file, &dir.file(&manifest.name().lines_file()))?;
        dir.sync()?;
        let mut reader = ArchiveReader::open(&dir, manifest.clone())?;
        while reader.next_line()?.is_some() {}

        let json = manifest.to_json().map_err(ArchiveError::form(dir.path()))?;
        let mut file = temporary(&dir)?;
        file.write_all(&json).map_err(io())?;
        publish(file, &dir.file(&manifest.name().manifest_file()))?;
        dir.sync()?;
        // As it is on disk, not as it is in memory.
        match dir.manifest(manifest.name())? {
            stored if stored == manifest => Ok(manifest),
            _ => Err(ArchiveError::invalid(dir.path(), "a manifest was not written as intended")),
        }
    }
}

fn temporary(dir: &ArchiveDir) -> Result<NamedTempFile, ArchiveError> {
    tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(dir.path())
        .map_err(ArchiveError::io("write to", dir.path()))
}

/// Makes a file durable and gives it its name, which must be new.
fn publish(file: NamedTempFile, path: &Path) -> Result<(), ArchiveError> {
    file.as_file().sync_all().map_err(ArchiveError::io("write", path))?;
    file.persist_noclobber(path)
        .map(drop)
        .map_err(|error| ArchiveError::io("create", path)(error.error))
}
