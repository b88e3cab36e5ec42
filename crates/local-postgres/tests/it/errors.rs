//! Errors, and the next step in their messages.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use local_postgres::{Config, Error, LocalPostgres, Search};

use crate::support::{
    Holder, TIMEOUT, TestDir, User, is_alive, is_root, needs_root, test_users, until, write_program,
};

fn open_error(config: Config) -> Error {
    LocalPostgres::open(config).unwrap_err()
}

#[test]
fn other_major_version_is_rejected_with_both_versions() {
    let test_dir = TestDir::new(User::Current);
    let open = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    let here = open.version().major;
    open.close().unwrap();
    fs::write(test_dir.data().join("pg/PG_VERSION"), "12\n").unwrap();
    let error = open_error(test_dir.config(test_dir.data()));
    assert!(matches!(error, Error::OtherMajor { cluster: 12, .. }), "{error}");
    let text = error.to_string();
    for words in
        ["belongs to PostgreSQL 12", &format!("only PostgreSQL {here}."), "Install", "pg_dump"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    fs::write(test_dir.data().join("pg/PG_VERSION"), "twelve\n").unwrap();
    assert!(open_error(test_dir.config(test_dir.data())).to_string().contains("damaged"));
}

#[test]
fn missing_installation_fails_before_creating_files() {
    let test_dir = TestDir::new(User::Current);
    let explicit = Search::usual().with_bin_dir(Some("/nonexistent/bin".into()));
    let error = open_error(Config::new(test_dir.data()).search(explicit));
    assert!(matches!(error, Error::BinDir { .. }), "{error}");
    let nowhere = Search::usual().with_path(None).with_places(vec!["/nonexistent/*".into()]);
    let error = open_error(Config::new(test_dir.data()).search(nowhere));
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(!test_dir.data().join("pg").exists());
}

#[test]
fn unsuitable_directories_are_rejected() {
    let test_dir = TestDir::new(User::Current);
    let file = test_dir.path().join("file");
    fs::write(&file, "").unwrap();
    let cluster = test_dir.dir("cluster");
    fs::write(cluster.join("PG_VERSION"), "15\n").unwrap();
    let other = test_dir.dir("other");
    fs::create_dir(other.join("pg")).unwrap();
    let too_long = test_dir.path().join(["x".repeat(200).as_str(); 5].join("/"));
    for (dir, words) in [
        (file.as_path(), "not a directory"),
        (&cluster, "itself a PostgreSQL cluster"),
        (&other, "no PG_VERSION"),
        (&too_long, "longer than"),
        (Path::new("/tmp/a\nb"), "control character"),
    ] {
        let error = open_error(test_dir.config(dir));
        assert!(matches!(error, Error::Directory { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(other.join("pg").exists(), "existing files are kept");
}

#[test]
fn unwritable_directory_is_rejected() {
    // Root may write everywhere, so this takes an ordinary user.
    let test_dir = TestDir::new(if is_root() { User::Unprivileged } else { User::Current });
    let home = test_dir.path().join("home");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o555)).unwrap();
    let message = test_dir.hold(&[]).failure();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(message.contains("create the data directory"), "{message}");
    assert!(message.contains("Permission denied"), "{message}");
}

#[test]
fn root_gets_the_directory_that_denies_access() {
    if !needs_root() {
        return;
    }
    let test_dir = TestDir::new(User::Current);
    let closed = test_dir.dir("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let error = open_error(test_dir.config(closed.join("inner/data")));
    let Error::Unreachable { blocked, user, .. } = &error else { panic!("{error}") };
    assert_eq!(*blocked, closed);
    assert!(!closed.join("inner").exists(), "nothing is created");
    assert!(error.to_string().contains(user.as_str()));
}

#[test]
fn root_keeps_the_owner_of_a_directory() {
    if !needs_root() {
        return;
    }
    let test_dir = TestDir::new(User::Unprivileged);
    test_dir.dir("home/data");
    LocalPostgres::open(test_dir.config(test_dir.data())).unwrap().close().unwrap();
    let owner = fs::metadata(test_dir.data()).unwrap().uid();
    assert_eq!(fs::metadata(test_dir.data().join("pg")).unwrap().uid(), owner);
    let mut theirs = test_dir.hold(&[]);
    theirs.open();
    theirs.close();
}

#[test]
fn interrupted_ownership_changes_are_completed() {
    if !needs_root() {
        return;
    }
    let test_dir = TestDir::new(User::Current);
    LocalPostgres::open(test_dir.config(test_dir.data())).unwrap().close().unwrap();
    for name in ["run", "locks", "locks/users", "locks/mode", "locks/watchdog"] {
        let path = test_dir.data().join(name);
        chown(&path, Some(0), Some(0)).unwrap();
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut holder = test_dir.hold(&[]);
    let (pid, _) = holder.open();
    holder.kill();
    // The watchdog, which does not run as root, can read its files.
    until("the server to end", TIMEOUT, || !is_alive(pid));
}

#[test]
fn cluster_of_another_user_is_rejected() {
    if !needs_root() {
        return;
    }
    let roots = TestDir::new(User::Current);
    LocalPostgres::open(roots.config(roots.data())).unwrap().close().unwrap();
    let ordinary = TestDir::new(User::Unprivileged);
    fs::set_permissions(roots.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let message = Holder::start(ordinary.command(&roots.data(), &[])).failure();
    assert!(message.contains("belongs to another user"), "{message}");
}

#[test]
fn foreign_socket_directories_are_rejected() {
    for user in test_users() {
        let test_dir = TestDir::new(user);
        let temp = test_dir.dir("tmp");
        fs::set_permissions(&temp, fs::Permissions::from_mode(0o1777)).unwrap();
        let long = test_dir.data().join(["a-rather-long-name-of-a-directory"; 4].join("/"));
        let hold = || {
            let mut command = test_dir.command(&long, &[]);
            command.env("TMPDIR", &temp).env_remove("XDG_RUNTIME_DIR");
            Holder::start(command)
        };
        let mut first = hold();
        first.open();
        let made: Vec<_> =
            fs::read_dir(&temp).unwrap().map(|entry| entry.unwrap().path()).collect();
        let [socket_dir] = made.as_slice() else { panic!("{made:?}") };
        first.close();

        let elsewhere = test_dir.dir("elsewhere");
        symlink(&elsewhere, socket_dir).unwrap();
        assert!(hold().failure().contains("cannot be used for the socket"), "{user:?}: a link");
        fs::remove_file(socket_dir).unwrap();

        fs::write(socket_dir, "").unwrap();
        assert!(hold().failure().contains("cannot be used for the socket"), "{user:?}: a file");
        fs::remove_file(socket_dir).unwrap();

        let owner = fs::metadata(long.join("pg")).unwrap();
        fs::create_dir(socket_dir).unwrap();
        let loose = fs::Permissions::from_mode(0o755);
        fs::set_permissions(socket_dir, loose).unwrap();
        if is_root() {
            chown(socket_dir, Some(owner.uid()), None).unwrap();
        }
        assert!(hold().failure().contains("others can enter it"), "{user:?}: open to others");
        if is_root() {
            chown(socket_dir, Some(1), Some(1)).unwrap();
            fs::set_permissions(socket_dir, fs::Permissions::from_mode(0o700)).unwrap();
            let message = hold().failure();
            assert!(message.contains("socket"), "{user:?}: of another user: {message}");
        }
        fs::remove_dir(socket_dir).unwrap();

        fs::set_permissions(&temp, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(hold().failure().contains("not sticky"), "{user:?}: others may rename");
    }
}

#[test]
fn failed_initdb_is_quoted_and_cleaned_up() {
    let test_dir = TestDir::new(User::Current);
    let bin = test_dir.dir("broken");
    let output = "initdb: error: could not write: No space left on device";
    write_program(&bin.join("postgres"), "#!/bin/sh\necho 'postgres (PostgreSQL) 16.1'\n");
    write_program(&bin.join("initdb"), &format!("#!/bin/sh\necho '{output}' >&2\nexit 1\n"));
    let error =
        open_error(Config::new(test_dir.data()).search(Search::usual().with_bin_dir(Some(bin))));
    assert!(matches!(error, Error::Initdb { .. }), "{error}");
    assert!(error.to_string().contains("No space left on device"), "{error}");
    let names: Vec<_> = fs::read_dir(test_dir.data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("pg"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn failed_start_is_quoted_and_repairable() {
    let test_dir = TestDir::new(User::Current);
    LocalPostgres::open(test_dir.config(test_dir.data())).unwrap().close().unwrap();
    let conf = test_dir.data().join("pg/postgresql.auto.conf");
    let good = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, "no_such_setting = 1\n").unwrap();
    let error = open_error(test_dir.config(test_dir.data()));
    assert!(matches!(error, Error::Died { .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
    fs::write(&conf, good).unwrap();
    LocalPostgres::open(test_dir.config(test_dir.data())).unwrap().close().unwrap();
}

#[test]
fn reserved_settings_fail_before_creating_files() {
    let test_dir = TestDir::new(User::Current);
    let error = open_error(test_dir.config(test_dir.data()).setting("fsync", "off"));
    assert!(matches!(error, Error::Setting { .. }), "{error}");
    assert!(!test_dir.data().exists());
}
