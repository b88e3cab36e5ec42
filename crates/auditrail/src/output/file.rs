//! Files that are created atomically.

use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::Error;

/// A temporary file in the directory of `path`, readable only by its owner, and removed when dropped
/// unless it is persisted.
pub(crate) fn temporary_beside(path: &Path) -> Result<NamedTempFile, Error> {
    tempfile::Builder::new()
        .prefix(".auditrail-")
        .tempfile_in(directory_of(path))
        .map_err(Error::io("create a temporary file next to", path))
}

/// The directory of a file.
pub(crate) fn directory_of(path: &Path) -> &Path {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    dir.unwrap_or(Path::new("."))
}
