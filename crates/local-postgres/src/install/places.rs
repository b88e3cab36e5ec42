//! The directories to search.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::Search;
use crate::searched::SearchedDir;

/// Where packages install PostgreSQL. A `*` matches part of one name.
pub(super) const USUAL: &[&str] = &[
    // Debian and Ubuntu
    "/usr/lib/postgresql/*/bin",
    // The PostgreSQL project's own packages for Red Hat systems
    "/usr/pgsql-*/bin",
    // Alpine
    "/usr/libexec/postgresql*",
    // openSUSE
    "/usr/lib/postgresql*/bin",
    // Homebrew on Apple silicon, on Intel, and on Linux
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    // Postgres.app
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    // EnterpriseDB's installers
    "/Library/PostgreSQL/*/bin",
    "/opt/PostgreSQL/*/bin",
    // `make install` and the BSDs
    "/usr/local/pgsql/bin",
    "/usr/local/bin",
    "/usr/bin",
];

/// The directories that contain `postgres`, in order of preference, without duplicates.
///
/// Adds unsuccessful searches to `searched`.
pub(super) fn candidates(search: &Search, searched: &mut Vec<SearchedDir>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut add = |dir: PathBuf| -> bool {
        let exists = dir.join("postgres").is_file();
        if exists && !found.contains(&dir) {
            found.push(dir);
        }
        exists
    };
    if let Some(path) = &search.path {
        let mut any = false;
        for dir in std::env::split_paths(path).filter(|dir| dir.is_absolute()) {
            any |= add(dir);
        }
        if !any {
            searched.push(nothing_in(format!("PATH ({})", path.display())));
        }
    }
    for place in &search.places {
        let mut any = false;
        for dir in expand(place) {
            any |= add(dir);
        }
        if !any {
            searched.push(nothing_in(place.clone()));
        }
    }
    found
}

/// The directory that contains both `postgres` and `initdb`, following a symbolic link to the former.
///
/// Some systems only link `postgres` into `PATH`; `initdb` is then beside the target of the link.
pub(super) fn real_bin_dir(dir: &Path) -> Result<PathBuf, String> {
    let postgres = dir.join("postgres");
    if !dir.is_dir() {
        return Err("no such directory".to_owned());
    }
    if !postgres.is_file() {
        let hint = if dir.join("bin/postgres").is_file() { "; its `bin` does" } else { "" };
        return Err(format!("it does not contain `postgres`{hint}"));
    }
    let real = postgres
        .canonicalize()
        .map_err(|error| format!("the link `postgres` cannot be resolved: {error}"))?;
    let real_dir = real.parent().unwrap_or(dir);
    let plain_dir = std::path::absolute(dir).map_err(|error| error.to_string())?;
    [real_dir, &plain_dir]
        .into_iter()
        .find(|dir| dir.join("initdb").is_file() && dir.join("postgres").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| {
            "it contains `postgres` but no `initdb`: the server package is incomplete".to_owned()
        })
}

/// The directories that match a pattern, highest number first.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let mut dirs = vec![PathBuf::new()];
    for component in Path::new(pattern).components() {
        let name = match component {
            Component::Normal(name) => name.to_str().unwrap_or_default(),
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir => {
                dirs.iter_mut().for_each(|dir| dir.push(component));
                continue;
            }
        };
        dirs = match name.split_once('*') {
            None => dirs.into_iter().map(|dir| dir.join(name)).collect(),
            Some((prefix, suffix)) => {
                dirs.iter().flat_map(|dir| matching(dir, prefix, suffix)).collect()
            }
        };
    }
    dirs
}

fn matching(dir: &Path, prefix: &str, suffix: &str) -> Vec<PathBuf> {
    let Ok(entries) = dir.read_dir() else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.strip_prefix(prefix).is_some_and(|rest| rest.ends_with(suffix)))
        .collect();
    names.sort_by_key(|name| std::cmp::Reverse((number_in(name), name.clone())));
    names.into_iter().map(|name| dir.join(OsStr::new(&name))).collect()
}

/// 16 in `postgresql@16`, 9.6 in `pgsql-9.6`, so that 16 sorts above 9.6.
fn number_in(name: &str) -> (u32, u32) {
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut parts =
        digits.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn nothing_in(place: String) -> SearchedDir {
    SearchedDir { place, outcome: "no `postgres`".to_owned() }
}
