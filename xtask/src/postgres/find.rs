//! Finding a PostgreSQL that is installed.

use std::path::{Path, PathBuf};

use super::Postgres;

/// Directories that hold one directory per version, and what leads from there to the programs.
const USUAL_PLACES: [(&str, &str); 5] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr/local/pgsql", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "bin"),
];

/// The newest on `PATH` and in the usual places.
pub(super) fn newest() -> Option<Postgres> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = USUAL_PLACES
        .iter()
        .flat_map(|(place, bin)| below(Path::new(place), bin));
    newest_of(std::env::split_paths(&path).chain(usual))
}

fn newest_of(dirs: impl Iterator<Item = PathBuf>) -> Option<Postgres> {
    // `max_by_key` would keep the last of equals; the first one found should win.
    dirs.filter_map(|dir| Postgres::in_dir(&dir))
        .reduce(
            |best, next| {
                if next.major > best.major { next } else { best }
            },
        )
}

fn below(place: &Path, bin: &str) -> Vec<PathBuf> {
    let Ok(entries) = place.read_dir() else {
        return Vec::new();
    };
    let mut dirs: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path().join(bin))
        .collect();
    dirs.push(place.join(bin));
    dirs.sort();
    dirs
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn fake(dir: &Path, version: &str) {
        fs::create_dir_all(dir).unwrap();
        for program in ["postgres", "initdb"] {
            let script = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
            fs::write(dir.join(program), script).unwrap();
            fs::set_permissions(dir.join(program), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn the_newest_supported_version_is_chosen() {
        let dir = tempfile::tempdir().unwrap();
        for version in ["14.9", "16.2", "17.1"] {
            fake(&dir.path().join(version).join("bin"), version);
        }
        let dirs = below(dir.path(), "bin");
        assert_eq!(newest_of(dirs.into_iter()).unwrap().version, "17.1");
        let old = dir.path().join("14.9/bin");
        assert_eq!(newest_of([old].into_iter()), None);
    }
}
