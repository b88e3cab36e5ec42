//! Files that get their name only when they are complete.

use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::Error;

/// A file beside `path`, readable by its owner alone, that is removed unless it is given a name.
pub(crate) fn temporary_beside(path: &Path) -> Result<NamedTempFile, Error> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    tempfile::Builder::new()
        .prefix(".auditrail-")
        .tempfile_in(dir.unwrap_or(Path::new(".")))
        .map_err(Error::io("create a temporary file next to", path))
}
