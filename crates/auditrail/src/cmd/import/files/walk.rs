//! Lists the files in a directory tree.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The files of a tree.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// All files, depth first, sorted by name in each directory.
    pub(super) files: Vec<(PathBuf, Metadata)>,
    /// Number of entries that were skipped: their names start with a dot, or they are neither files nor
    /// directories.
    pub(super) skipped: u64,
}

/// The files below `root`. Symbolic links are followed; each directory is read once.
///
/// # Errors
/// The path that cannot be read.
pub(super) fn files(root: &Path) -> Result<Found, (PathBuf, io::Error)> {
    let mut found = Found::default();
    let mut visited = HashSet::new();
    let mut remaining = vec![root.to_owned()];
    while let Some(path) = remaining.pop() {
        let metadata = fs::metadata(&path).map_err(|error| (path.clone(), error))?;
        if metadata.is_file() {
            found.files.push((path, metadata));
        } else if !metadata.is_dir() {
            // Reading a pipe would block.
            found.skipped += 1;
        } else if visited.insert((metadata.dev(), metadata.ino())) {
            let mut entries = entries(&path, &mut found.skipped).map_err(|error| (path, error))?;
            // The last one is read next.
            entries.sort_unstable_by(|a, b| b.cmp(a));
            remaining.append(&mut entries);
        }
    }
    Ok(found)
}

fn entries(dir: &Path, skipped: &mut u64) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            *skipped += 1;
        } else {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_once_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b/2.json", "b/1.json", "a/x/3.json", ".hidden/4.json", "c.json"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink("..", dir.path().join("b/up")).unwrap();
        let found = files(dir.path()).unwrap();
        let names = found.files.iter().map(|(path, _)| path.strip_prefix(dir.path()).unwrap());
        let names: Vec<_> = names.map(|name| name.to_str().unwrap()).collect();
        assert_eq!(names, ["a/x/3.json", "b/1.json", "b/2.json", "c.json"]);
        assert_eq!(found.skipped, 1);
    }
}
