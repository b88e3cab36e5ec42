//! A directory of archives.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use auditrail_core::limits::ARCHIVE_MANIFEST_MAX_BYTES;
use auditrail_core::{ArchiveManifest, ArchiveName};
use sha2::{Digest, Sha256};

use super::error::ArchiveError;

/// A directory of archives. Other files in it are ignored.
#[derive(Clone, Debug)]
pub struct ArchiveDir {
    path: PathBuf,
}

/// An archive with a manifest.
#[derive(Debug)]
pub struct ListedArchive {
    /// Its name.
    pub name: ArchiveName,
    /// What it holds, or why its manifest cannot be read.
    pub manifest: Result<ArchiveManifest, ArchiveError>,
}

impl ArchiveDir {
    /// The directory at `path`.
    ///
    /// # Errors
    /// When it is no directory.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let metadata = fs::metadata(path).map_err(ArchiveError::io("open", path))?;
        if !metadata.is_dir() {
            let source = io::Error::from(io::ErrorKind::NotADirectory);
            return Err(ArchiveError::Io { doing: "open", path: path.to_owned(), source });
        }
        Ok(Self { path: path.to_owned() })
    }

    /// The path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The archives in the order in which they were written. An invalid manifest is the error of its archive only.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Vec<ListedArchive>, ArchiveError> {
        let mut names = Vec::new();
        let io = || ArchiveError::io("list", &self.path);
        for entry in fs::read_dir(&self.path).map_err(io())? {
            let file_name = entry.map_err(io())?.file_name();
            names.extend(file_name.to_str().and_then(ArchiveName::of_manifest_file));
        }
        names.sort_unstable();
        let listed = |name| ListedArchive { name, manifest: self.manifest(name) };
        Ok(names.into_iter().map(listed).collect())
    }

    /// The manifest of an archive.
    ///
    /// # Errors
    /// When it cannot be read, is invalid, or belongs to another archive.
    pub fn manifest(&self, name: ArchiveName) -> Result<ArchiveManifest, ArchiveError> {
        let path = self.file(&name.manifest_file());
        let manifest = ArchiveManifest::parse(&self.manifest_bytes(name)?)
            .map_err(ArchiveError::form(&path))?;
        if manifest.name() == name {
            Ok(manifest)
        } else {
            Err(ArchiveError::invalid(&path, format!("it is of the archive {}", manifest.name())))
        }
    }

    /// SHA-256 of the manifest of an archive in hexadecimal, as the record of the run has it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn manifest_sha256(&self, name: ArchiveName) -> Result<String, ArchiveError> {
        Ok(hexadecimal(&Sha256::digest(self.manifest_bytes(name)?)))
    }

    /// Checks that an archive has the manifest with this SHA-256.
    pub(crate) fn check_manifest(
        &self,
        name: ArchiveName,
        sha256: &str,
    ) -> Result<(), ArchiveError> {
        if self.manifest_sha256(name)? == sha256 {
            return Ok(());
        }
        let path = self.file(&name.manifest_file());
        Err(ArchiveError::invalid(&path, "it is not the manifest that was written"))
    }

    fn manifest_bytes(&self, name: ArchiveName) -> Result<Vec<u8>, ArchiveError> {
        let path = self.file(&name.manifest_file());
        let mut bytes = Vec::new();
        let max = ARCHIVE_MANIFEST_MAX_BYTES as u64 + 1;
        open_regular(&path)?
            .take(max)
            .read_to_end(&mut bytes)
            .map_err(ArchiveError::io("read", &path))?;
        Ok(bytes)
    }

    /// Removes an archive whose records were not removed from the log. The manifest goes first, so that what
    /// remains after an interruption is no archive.
    pub(crate) fn remove(&self, name: ArchiveName) -> Result<(), ArchiveError> {
        for file in [name.manifest_file(), name.lines_file()] {
            let path = self.file(&file);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(ArchiveError::io("remove", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The archives of a run that have a file of lines, with or without a manifest.
    pub(crate) fn of_run(&self, run_id: uuid::Uuid) -> Result<Vec<ArchiveName>, ArchiveError> {
        let mut names = Vec::new();
        let io = || ArchiveError::io("list", &self.path);
        for entry in fs::read_dir(&self.path).map_err(io())? {
            let file_name = entry.map_err(io())?.file_name();
            let name = file_name.to_str().and_then(|name| name.strip_suffix(".ndjson.zst"));
            let name: Option<ArchiveName> = name.and_then(|name| name.parse().ok());
            names.extend(name.filter(|name| *name.run_id() == run_id));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Makes the names of new files durable.
    pub(super) fn sync(&self) -> Result<(), ArchiveError> {
        File::open(&self.path)
            .and_then(|dir| dir.sync_all())
            .map_err(ArchiveError::io("sync", &self.path))
    }
}

/// Opens a regular file; a symbolic link, pipe or device is refused.
pub(super) fn open_regular(path: &Path) -> Result<File, ArchiveError> {
    let metadata = fs::symlink_metadata(path).map_err(ArchiveError::io("open", path))?;
    if !metadata.is_file() {
        return Err(ArchiveError::invalid(path, "it is not a regular file"));
    }
    File::open(path).map_err(ArchiveError::io("open", path))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
