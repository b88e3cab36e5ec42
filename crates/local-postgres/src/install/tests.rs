use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// A directory with programs that respond to `--version` as PostgreSQL does.
fn fake(dir: &Path, version: &str) {
    fs::create_dir_all(dir).unwrap();
    for name in ["postgres", "initdb"] {
        let file = dir.join(name);
        fs::write(&file, format!("#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// A directory that the user of the server can enter.
fn scratch() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn nowhere() -> Search {
    Search::usual().with_path(None).with_places(Vec::new())
}

#[test]
fn not_found_lists_directories_and_packages() {
    let dir = scratch();
    let search = Search::usual()
        .with_path(Some(dir.path().into()))
        .with_places(vec![format!("{}/pgsql-*/bin", dir.path().display())]);
    let text = Installation::find(&search).unwrap_err().to_string();
    assert!(text.contains("pgsql-*/bin: no `postgres`"), "{text}");
    assert!(text.contains("PATH ("), "{text}");
    assert!(text.contains("apt-get install postgresql"), "{text}");
    assert!(text.contains("brew install"), "{text}");
}

#[test]
fn newest_version_is_preferred_and_old_rejected() {
    let dir = scratch();
    for version in ["9.6", "14", "16", "15"] {
        fake(&dir.path().join(version).join("bin"), &format!("{version}.2"));
    }
    let search = nowhere().with_places(vec![format!("{}/*/bin", dir.path().display())]);
    assert_eq!(Installation::find(&search).unwrap().version().major, 16);

    let fifteen = search.clone().with_major(Some(15));
    assert_eq!(Installation::find(&fifteen).unwrap().version().major, 15);

    let missing = Installation::find(&search.with_major(Some(17))).unwrap_err();
    assert!(matches!(missing, Error::OtherMajor { cluster: 17, .. }), "{missing}");

    let old = nowhere().with_places(vec![format!("{}/14/bin", dir.path().display())]);
    let text = Installation::find(&old).unwrap_err().to_string();
    assert!(text.contains("PostgreSQL 14.2, which is too old"), "{text}");
}

#[test]
fn path_comes_first_and_links_are_resolved() {
    let dir = scratch();
    let root = dir.path().canonicalize().unwrap();
    let real = root.join("opt/pg 15/bin");
    fake(&real, "15.1");
    fake(&root.join("sys/bin"), "18.1");
    let linked = root.join("linked");
    fs::create_dir(&linked).unwrap();
    symlink(real.join("postgres"), linked.join("postgres")).unwrap();
    let search = nowhere()
        .with_path(Some(linked.into()))
        .with_places(vec![format!("{}/sys/bin", root.display())]);
    assert_eq!(Installation::find(&search).unwrap().bin_dir(), real);
}

#[test]
fn version_is_never_queried_as_root() {
    let dir = scratch();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let bin = dir.path().join("bin");
    fake(&bin, "16.1");
    let seen = dir.path().join("seen");
    let script =
        format!("#!/bin/sh\nid -u > {}\necho 'postgres (PostgreSQL) 16.1'\n", seen.display());
    fs::write(bin.join("postgres"), script).unwrap();
    for search in
        [nowhere().with_bin_dir(Some(bin.clone())), nowhere().with_path(Some(bin.clone().into()))]
    {
        Installation::find(&search).unwrap();
        let user = fs::read_to_string(&seen).unwrap();
        assert_eq!(user.trim(), Account::without_directory().unwrap().uid.to_string());
        assert_ne!(user.trim(), "0");
        fs::remove_file(&seen).unwrap();
    }
}

#[test]
fn invalid_explicit_directory_is_an_error() {
    let dir = scratch();
    fake(&dir.path().join("good/bin"), "16.1");
    fake(&dir.path().join("old"), "13.1");
    fs::create_dir(dir.path().join("broken")).unwrap();
    fs::write(dir.path().join("broken/postgres"), "not a program").unwrap();
    let search = nowhere().with_places(vec![format!("{}/*/bin", dir.path().display())]);
    for (name, words) in [
        ("missing", "no such directory"),
        ("good", "its `bin` does"),
        ("old", "13.1, which is too old"),
        ("broken", "no `initdb`"),
    ] {
        let explicit = search.clone().with_bin_dir(Some(dir.path().join(name)));
        let error = Installation::find(&explicit).unwrap_err();
        assert!(matches!(error, Error::BinDir { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}
