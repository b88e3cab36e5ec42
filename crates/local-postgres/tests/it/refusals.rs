//! What is refused, and that the sentence says what to do.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use local_postgres::{Config, Error, LocalPostgres, Search};

use crate::support::{
    Holder, LIMIT, Place, Who, everybody, is_alive, is_root, needs_root, until, write_program,
};

fn refused(config: Config) -> Error {
    LocalPostgres::open(config).unwrap_err()
}

#[test]
fn data_of_another_major_version_is_refused_with_both_versions() {
    let place = Place::new(Who::Me);
    let open = LocalPostgres::open(place.config(place.data())).unwrap();
    let here = open.version().major;
    open.close().unwrap();
    fs::write(place.data().join("pg/PG_VERSION"), "12\n").unwrap();
    let error = refused(place.config(place.data()));
    assert!(
        matches!(error, Error::OtherMajor { cluster: 12, .. }),
        "{error}"
    );
    let text = error.to_string();
    for words in [
        "made by PostgreSQL 12",
        &format!("only PostgreSQL {here}."),
        "Install",
        "pg_dump",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    fs::write(place.data().join("pg/PG_VERSION"), "twelve\n").unwrap();
    assert!(
        refused(place.config(place.data()))
            .to_string()
            .contains("damaged")
    );
}

#[test]
fn a_wrong_bin_directory_and_no_postgresql_at_all_are_refused_before_anything_is_made() {
    let place = Place::new(Who::Me);
    let explicit = Search::usual().with_bin_dir(Some("/nonexistent/bin".into()));
    let error = refused(Config::new(place.data()).search(explicit));
    assert!(matches!(error, Error::BinDir { .. }), "{error}");
    let nowhere = Search::usual()
        .with_path(None)
        .with_places(vec!["/nonexistent/*".into()]);
    let error = refused(Config::new(place.data()).search(nowhere));
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(!place.data().join("pg").exists());
}

#[test]
fn a_directory_that_cannot_hold_a_cluster_is_refused() {
    let place = Place::new(Who::Me);
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let cluster = place.dir("cluster");
    fs::write(cluster.join("PG_VERSION"), "15\n").unwrap();
    let other = place.dir("other");
    fs::create_dir(other.join("pg")).unwrap();
    let too_long = place.path().join(["x".repeat(200).as_str(); 5].join("/"));
    for (dir, words) in [
        (file.as_path(), "not a directory"),
        (&cluster, "itself a PostgreSQL cluster"),
        (&other, "no PG_VERSION"),
        (&too_long, "longer than"),
        (Path::new("/tmp/a\nb"), "control character"),
    ] {
        let error = refused(place.config(dir));
        assert!(matches!(error, Error::Directory { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(other.join("pg").exists(), "what is there is left alone");
}

#[test]
fn a_directory_that_may_not_be_written_is_refused_in_one_sentence() {
    // Root may write everywhere, so this takes an ordinary user.
    let place = Place::new(if is_root() { Who::Nobody } else { Who::Me });
    let home = place.path().join("home");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o555)).unwrap();
    let said = place.hold(&[]).failure();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(said.contains("make the data directory"), "{said}");
    assert!(said.contains("Permission denied"), "{said}");
}

#[test]
fn root_is_told_which_directory_keeps_postgresql_out() {
    if !needs_root() {
        return;
    }
    let place = Place::new(Who::Me);
    let closed = place.dir("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let error = refused(place.config(closed.join("inner/data")));
    let Error::Unreachable { blocked, user, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*blocked, closed);
    assert!(!closed.join("inner").exists(), "nothing is made in vain");
    assert!(error.to_string().contains(user.as_str()));
}

#[test]
fn root_leaves_an_ordinary_users_directory_to_that_user() {
    if !needs_root() {
        return;
    }
    let place = Place::new(Who::Nobody);
    place.dir("home/data");
    LocalPostgres::open(place.config(place.data()))
        .unwrap()
        .close()
        .unwrap();
    let owner = fs::metadata(place.data()).unwrap().uid();
    assert_eq!(fs::metadata(place.data().join("pg")).unwrap().uid(), owner);
    let mut theirs = place.hold(&[]);
    theirs.open();
    theirs.close();
}

#[test]
fn what_root_had_no_time_to_give_away_is_put_right() {
    if !needs_root() {
        return;
    }
    let place = Place::new(Who::Me);
    LocalPostgres::open(place.config(place.data()))
        .unwrap()
        .close()
        .unwrap();
    for name in [
        "run",
        "locks",
        "locks/users",
        "locks/mode",
        "locks/watchdog",
    ] {
        let path = place.data().join(name);
        chown(&path, Some(0), Some(0)).unwrap();
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut holder = place.hold(&[]);
    let (pid, _) = holder.open();
    holder.kill();
    // The watchdog, which does not run as root, can read what it needs.
    until("the server to end", LIMIT, || !is_alive(pid));
}

#[test]
fn another_users_cluster_is_refused_and_named() {
    if !needs_root() {
        return;
    }
    let roots = Place::new(Who::Me);
    LocalPostgres::open(roots.config(roots.data()))
        .unwrap()
        .close()
        .unwrap();
    let ordinary = Place::new(Who::Nobody);
    fs::set_permissions(roots.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let said = Holder::start(ordinary.command(&roots.data(), &[])).failure();
    assert!(said.contains("belongs to another user"), "{said}");
}

#[test]
fn a_prepared_socket_directory_of_somebody_else_is_refused() {
    for who in everybody() {
        let place = Place::new(who);
        let temp = place.dir("tmp");
        fs::set_permissions(&temp, fs::Permissions::from_mode(0o1777)).unwrap();
        let long = place
            .data()
            .join(["a-rather-long-name-of-a-directory"; 4].join("/"));
        let hold = || {
            let mut command = place.command(&long, &[]);
            command.env("TMPDIR", &temp).env_remove("XDG_RUNTIME_DIR");
            Holder::start(command)
        };
        let mut first = hold();
        first.open();
        let made: Vec<_> = fs::read_dir(&temp)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        let [socket_dir] = made.as_slice() else {
            panic!("{made:?}")
        };
        first.close();

        let elsewhere = place.dir("elsewhere");
        symlink(&elsewhere, socket_dir).unwrap();
        assert!(
            hold().failure().contains("cannot be used for the socket"),
            "{who:?}: a link"
        );
        fs::remove_file(socket_dir).unwrap();

        fs::write(socket_dir, "").unwrap();
        assert!(
            hold().failure().contains("cannot be used for the socket"),
            "{who:?}: a file"
        );
        fs::remove_file(socket_dir).unwrap();

        let owner = fs::metadata(long.join("pg")).unwrap();
        fs::create_dir(socket_dir).unwrap();
        let loose = fs::Permissions::from_mode(0o755);
        fs::set_permissions(socket_dir, loose).unwrap();
        if is_root() {
            chown(socket_dir, Some(owner.uid()), None).unwrap();
        }
        assert!(
            hold().failure().contains("others can enter it"),
            "{who:?}: open to others"
        );
        if is_root() {
            chown(socket_dir, Some(1), Some(1)).unwrap();
            fs::set_permissions(socket_dir, fs::Permissions::from_mode(0o700)).unwrap();
            let said = hold().failure();
            assert!(said.contains("socket"), "{who:?}: somebody else's: {said}");
        }
        fs::remove_dir(socket_dir).unwrap();

        fs::set_permissions(&temp, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(
            hold().failure().contains("not sticky"),
            "{who:?}: others may rename"
        );
    }
}

#[test]
fn a_failing_initdb_is_quoted_and_leaves_nothing_behind() {
    let place = Place::new(Who::Me);
    let bin = place.dir("broken");
    let output = "initdb: error: could not write: No space left on device";
    write_program(
        &bin.join("postgres"),
        "#!/bin/sh\necho 'postgres (PostgreSQL) 16.1'\n",
    );
    write_program(
        &bin.join("initdb"),
        &format!("#!/bin/sh\necho '{output}' >&2\nexit 1\n"),
    );
    let error = refused(Config::new(place.data()).search(Search::usual().with_bin_dir(Some(bin))));
    assert!(matches!(error, Error::Initdb { .. }), "{error}");
    assert!(
        error.to_string().contains("No space left on device"),
        "{error}"
    );
    let names: Vec<_> = fs::read_dir(place.data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("pg"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn a_server_that_does_not_start_is_quoted_and_can_be_repaired() {
    let place = Place::new(Who::Me);
    LocalPostgres::open(place.config(place.data()))
        .unwrap()
        .close()
        .unwrap();
    let conf = place.data().join("pg/postgresql.auto.conf");
    let good = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, "no_such_setting = 1\n").unwrap();
    let error = refused(place.config(place.data()));
    assert!(matches!(error, Error::Died { .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
    fs::write(&conf, good).unwrap();
    LocalPostgres::open(place.config(place.data()))
        .unwrap()
        .close()
        .unwrap();
}

#[test]
fn settings_that_undo_a_promise_are_refused_before_anything_is_made() {
    let place = Place::new(Who::Me);
    let error = refused(place.config(place.data()).setting("fsync", "off"));
    assert!(matches!(error, Error::Setting { .. }), "{error}");
    assert!(!place.data().exists());
}
