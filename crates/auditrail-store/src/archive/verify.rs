//! Verifies an archive.

use auditrail_core::{ArchiveManifest, ArchiveName};

use super::dir::ArchiveDir;
use super::error::ArchiveError;
use super::reader::ArchiveReader;

impl ArchiveDir {
    /// Reads an archive to its end, and compares it with its manifest.
    ///
    /// # Errors
    /// When it cannot be read, or is not what its manifest states.
    pub fn verify(&self, name: ArchiveName) -> Result<ArchiveManifest, ArchiveError> {
        let manifest = self.manifest(name)?;
        let mut reader = ArchiveReader::open(self, manifest.clone())?;
        while reader.next_line()?.is_some() {}
        Ok(manifest)
    }
}
