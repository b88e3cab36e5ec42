//! What one program sees that opens a database and closes it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use std::{fs, thread};

use local_postgres::{Durability, Error, LocalPostgres, Status, status};

use crate::support::{Place, Who, connect, everybody, is_alive, show};

#[test]
fn a_first_start_makes_a_durable_private_cluster_and_a_second_start_is_quick() {
    let place = Place::unhurried(Who::Me);
    let said = Arc::new(Mutex::new(Vec::new()));
    let open = || {
        let said = Arc::clone(&said);
        let begun = Instant::now();
        let config = place
            .config(place.data())
            .on_event(move |event| said.lock().unwrap().push(event.to_string()));
        (LocalPostgres::open(config).unwrap(), begun.elapsed())
    };
    assert!(matches!(status(&place.data()).unwrap(), Status::Absent));

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
    assert!(!is_alive(pid));
    assert!(matches!(status(&place.data()).unwrap(), Status::Stopped { .. }));

    let (second, second_took) = open();
    let kept: i32 = connect(&url).query_one("select id from kept", &[]).unwrap().get(0);
    assert_eq!(kept, 7);
    drop(second);
    assert!(matches!(status(&place.data()).unwrap(), Status::Stopped { .. }));

    let said = said.lock().unwrap().join("\n");
    assert_eq!(said.matches("making a database cluster").count(), 1, "{said}");
    assert_eq!(said.matches("stopping the server").count(), 2, "{said}");
    eprintln!("first start {first_took:.2?}, second start {second_took:.2?}");
    assert!(second_took < first_took);
}

#[test]
fn a_first_start_works_as_root_and_as_an_ordinary_user() {
    for who in everybody() {
        let place = Place::unhurried(who);
        let mut holder = place.hold(&[]);
        let (pid, url) = holder.open();
        let server = fs::metadata(format!("/proc/{pid}")).unwrap().uid();
        assert_ne!(server, 0, "{who:?}: PostgreSQL never runs as root");
        assert_eq!(server, fs::metadata(place.data().join("pg")).unwrap().uid());
        assert_eq!(show(&url, "fsync"), "on");
        holder.close();
        assert!(!is_alive(pid), "{who:?}");
    }
}

#[test]
fn paths_with_spaces_quotes_and_great_length_work() {
    let long = ["a-rather-long-name-of-a-directory"; 8].join("/");
    for (name, inside) in [
        ("with space", true),
        ("o'clock \"quoted\" $HOME %2F", true),
        ("für-평", true),
        ("a comma, which ends a host for libpq", false),
        (&long, false),
    ] {
        let place = Place::new(Who::Me);
        let open = LocalPostgres::open(place.config(place.data().join(name))).unwrap();
        let url = open.url("postgres");
        assert_eq!(show(&url, "data_directory"), open.dir().join("pg").display().to_string());
        if let Some(psql) = open.installation().psql() {
            let output = Command::new(psql).args([&url, "-Xtc", "select 6 * 7"]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "42", "{output:?}");
        }
        let socket_dir = open.socket_dir().to_owned();
        assert_eq!(socket_dir.starts_with(open.dir()), inside, "{}", socket_dir.display());
        open.close().unwrap();
        assert_eq!(socket_dir.exists(), inside, "a socket directory elsewhere is removed");
    }
}

#[test]
fn a_database_is_made_once_however_many_ask_for_it() {
    let place = Place::new(Who::Me);
    let open = LocalPostgres::open(place.config(place.data())).unwrap();
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
fn settings_are_passed_and_alter_system_cannot_turn_durability_off() {
    let place = Place::new(Who::Me);
    let first = LocalPostgres::open(place.config(place.data())).unwrap();
    let mut client = connect(&first.url("postgres"));
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        client.execute(&format!("alter system set {name} = off"), &[]).unwrap();
    }
    drop(client);
    first.close().unwrap();

    let config =
        place.config(place.data()).setting("max_connections", "17").setting("my.own", "it's");
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
fn a_directory_for_tests_never_becomes_durable_nor_the_other_way_round() {
    let place = Place::new(Who::Me);
    let unsafe_dir = place.data().join("tests");
    let for_tests = |dir| place.config(dir).durability(Durability::NoFsyncForTests);
    let open = LocalPostgres::open(for_tests(unsafe_dir.clone())).unwrap();
    assert_eq!(show(&open.url("postgres"), "fsync"), "off");
    for _ in ["running", "stopped"] {
        let error = LocalPostgres::open(place.config(unsafe_dir.clone())).unwrap_err();
        assert!(matches!(error, Error::NotDurable { .. }), "{error}");
    }
    open.close().unwrap();
    let error = LocalPostgres::open(place.config(unsafe_dir)).unwrap_err();
    assert!(matches!(error, Error::NotDurable { .. }), "{error}");

    let real = place.data().join("real");
    LocalPostgres::open(place.config(real.clone())).unwrap().close().unwrap();
    let error = LocalPostgres::open(for_tests(real)).unwrap_err();
    assert!(error.to_string().contains("durable cluster"), "{error}");
}

#[test]
fn a_loopback_port_is_an_exception_that_ends_with_its_server() {
    let place = Place::new(Who::Me);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = || place.config(place.data()).durability(Durability::NoFsyncForTests);
    let open = LocalPostgres::open(config().loopback_for_tests(port)).unwrap();
    assert_eq!(open.port(), port);
    let tcp = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    for url in [tcp.as_str(), &open.url("postgres")] {
        assert_eq!(show(url, "listen_addresses"), "127.0.0.1");
    }
    open.close().unwrap();

    let private = LocalPostgres::open(config()).unwrap();
    assert_eq!(show(&private.url("postgres"), "listen_addresses"), "");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
