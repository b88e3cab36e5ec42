//! Opening and closing a server, by one program.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use std::{fs, thread};

use local_postgres::{Durability, Error, LocalPostgres, Status, status};

use crate::support::{TestDir, User, assert_exited, connect, show, test_users};

#[test]
fn first_start_creates_a_durable_private_cluster() {
    let test_dir = TestDir::with_sync(User::Current);
    let message = Arc::new(Mutex::new(Vec::new()));
    let open = || {
        let message = Arc::clone(&message);
        let started = Instant::now();
        let config = test_dir
            .config(test_dir.data())
            .on_event(move |event| message.lock().unwrap().push(event.to_string()));
        (LocalPostgres::open(config).unwrap(), started.elapsed())
    };
    assert!(matches!(status(&test_dir.data()).unwrap(), Status::Absent));

    let (first, first_took) = open();
    let url = first.url("postgres");
    for (name, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("timezone", "UTC"),
    ] {
        assert!(show(&url, name).ends_with(value), "{name} is {}", show(&url, name));
    }
    assert!(first.has_checksums());
    assert!(first.version().major >= 15);
    assert_eq!(first.installation().version(), first.version());
    let mode = fs::metadata(first.socket_dir()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    connect(&url).batch_execute("create table kept (id int); insert into kept values (7)").unwrap();
    let pid = first.postmaster_pid();
    first.close().unwrap();
    assert_exited(pid);
    assert!(matches!(status(&test_dir.data()).unwrap(), Status::Stopped { .. }));

    let (second, second_took) = open();
    let kept: i32 = connect(&url).query_one("select id from kept", &[]).unwrap().get(0);
    assert_eq!(kept, 7);
    drop(second);
    assert!(matches!(status(&test_dir.data()).unwrap(), Status::Stopped { .. }));

    let message = message.lock().unwrap().join("\n");
    assert_eq!(message.matches("creating a database cluster").count(), 1, "{message}");
    assert_eq!(message.matches("stopping the server").count(), 2, "{message}");
    eprintln!("first start {first_took:.2?}, second start {second_took:.2?}");
    assert!(second_took < first_took);
}

#[test]
fn first_start_works_as_root_and_ordinary_user() {
    for user in test_users() {
        let test_dir = TestDir::with_sync(user);
        let mut holder = test_dir.hold(&[]);
        let (pid, url) = holder.open();
        let server = fs::metadata(format!("/proc/{pid}")).unwrap().uid();
        assert_ne!(server, 0, "{user:?}: PostgreSQL never runs as root");
        assert_eq!(server, fs::metadata(test_dir.data().join("pg")).unwrap().uid());
        assert_eq!(show(&url, "fsync"), "on");
        holder.close();
        assert_exited(pid);
    }
}

#[test]
fn unusual_and_long_paths_work() {
    let long = ["a-rather-long-name-of-a-directory"; 8].join("/");
    for (name, inside) in [
        ("with space", true),
        ("o'clock \"quoted\" $HOME %2F", true),
        ("für-평", true),
        ("a comma, which ends a host for libpq", false),
        (&long, false),
    ] {
        let test_dir = TestDir::new(User::Current);
        let open = LocalPostgres::open(test_dir.config(test_dir.data().join(name))).unwrap();
        let url = open.url("postgres");
        assert_eq!(show(&url, "data_directory"), open.dir().join("pg").display().to_string());
        if let Some(psql) = open.installation().psql() {
            let output = Command::new(psql).args([&url, "-Xtc", "select 6 * 7"]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "42", "{output:?}");
        }
        let socket_dir = open.socket_dir().to_owned();
        assert_eq!(socket_dir.starts_with(open.dir()), inside, "{}", socket_dir.display());
        open.close().unwrap();
        assert_eq!(socket_dir.exists(), inside, "an external socket directory is removed");
    }
}

#[test]
fn concurrent_ensure_database_creates_it_once() {
    let test_dir = TestDir::new(User::Current);
    let open = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    let made = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..6).map(|_| scope.spawn(|| open.ensure_database("app").unwrap())).collect();
        threads.into_iter().map(|one| one.join().unwrap()).filter(|&made| made).count()
    });
    assert_eq!(made, 1);
    for name in ["with space", "it's \"quoted\"", "Ünï/코드?"] {
        assert!(open.ensure_database(name).unwrap());
        assert!(!open.ensure_database(name).unwrap());
        let here: String = connect(&open.url(name))
            .query_one("select current_database()::text", &[])
            .unwrap()
            .get(0);
        assert_eq!(here, name);
    }
    for name in ["", "a\0b", &"x".repeat(64)] {
        let error = open.ensure_database(name).unwrap_err();
        assert!(matches!(error, Error::DatabaseName { .. }), "{error}");
    }
}

#[test]
fn settings_apply_and_durability_cannot_be_altered() {
    let test_dir = TestDir::new(User::Current);
    let first = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    let mut client = connect(&first.url("postgres"));
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        client.execute(&format!("alter system set {name} = off"), &[]).unwrap();
    }
    drop(client);
    first.close().unwrap();

    let config =
        test_dir.config(test_dir.data()).setting("max_connections", "17").setting("my.own", "it's");
    let second = LocalPostgres::open(config).unwrap();
    let url = second.url("postgres");
    for (name, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("max_connections", "17"),
        ("my.own", "it's"),
    ] {
        assert_eq!(show(&url, name), value, "{name}");
    }
}

#[test]
fn durability_of_a_directory_never_changes() {
    let test_dir = TestDir::new(User::Current);
    let unsafe_dir = test_dir.data().join("tests");
    let for_tests = |dir| test_dir.config(dir).durability(Durability::NoFsyncForTests);
    let open = LocalPostgres::open(for_tests(unsafe_dir.clone())).unwrap();
    assert_eq!(show(&open.url("postgres"), "fsync"), "off");
    for _ in ["running", "stopped"] {
        let error = LocalPostgres::open(test_dir.config(unsafe_dir.clone())).unwrap_err();
        assert!(matches!(error, Error::NotDurable { .. }), "{error}");
    }
    open.close().unwrap();
    let error = LocalPostgres::open(test_dir.config(unsafe_dir)).unwrap_err();
    assert!(matches!(error, Error::NotDurable { .. }), "{error}");

    let real = test_dir.data().join("real");
    LocalPostgres::open(test_dir.config(real.clone())).unwrap().close().unwrap();
    let error = LocalPostgres::open(for_tests(real)).unwrap_err();
    assert!(error.to_string().contains("durable cluster"), "{error}");
}
