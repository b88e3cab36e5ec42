//! The listener on 127.0.0.1.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use local_postgres::{LocalPostgres, Loopback};
use postgres::{Client, Config, NoTls};

use crate::support::{TestDir, User, connect, is_alive, kill, needs_root, show, until};

fn over_tcp(port: u16, password: Option<&str>) -> Result<Client, postgres::Error> {
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user("postgres").dbname("postgres");
    password.map(|password| config.password(password));
    config.connect(NoTls)
}

#[test]
fn the_default_server_does_not_listen_on_tcp() {
    let test_dir = TestDir::new(User::Current);
    let open = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    assert_eq!((open.loopback_port(), open.loopback_certificate()), (None, None));
    assert_eq!(show(&open.url("postgres"), "listen_addresses"), "");
}

#[test]
fn loopback_listener_rejects_roles_without_password() {
    let test_dir = TestDir::new(User::Current);
    let config = test_dir.config(test_dir.data()).loopback(Loopback::any_port());
    let open = LocalPostgres::open(config).unwrap();
    let port = open.loopback_port().unwrap();
    for password in [None, Some(""), Some("postgres")] {
        assert!(over_tcp(port, password).is_err(), "{password:?}");
    }
    let url = open.url("postgres");
    connect(&url).batch_execute("alter role postgres password 'sesame'").unwrap();
    assert!(over_tcp(port, Some("wrong")).is_err());
    over_tcp(port, Some("sesame")).unwrap().batch_execute("select 1").unwrap();
    assert_eq!(show(&url, "ssl"), "off");
    assert!(open.loopback_certificate().is_none());
    // A program that shares the server finds the listener, whether or not it asked for one.
    let shared = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    assert_eq!(shared.loopback_port(), Some(port));
}

#[test]
fn killed_server_restarts_on_the_same_port() {
    let test_dir = TestDir::new(User::Current);
    let config = || test_dir.config(test_dir.data());
    let first = LocalPostgres::open(config().loopback(Loopback::any_port())).unwrap();
    let port = first.loopback_port().unwrap();
    let held = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    kill(first.postmaster_pid());
    let again = LocalPostgres::open(config().loopback(Loopback::port(port))).unwrap();
    assert_ne!(again.postmaster_pid(), first.postmaster_pid());
    assert_eq!(again.loopback_port(), Some(port));
    drop(held);
    // Another port, and so another name of the socket: nothing of the old one is left.
    let killed = again.postmaster_pid();
    kill(killed);
    until("the killed server is gone", crate::support::TIMEOUT, || !is_alive(killed));
    let without = LocalPostgres::open(config()).unwrap();
    assert_eq!(without.loopback_port(), None);
    let names = std::fs::read_dir(without.socket_dir()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name.to_string_lossy().contains(".5432")), "{names:?}");
}

#[test]
fn port_in_use_is_an_error_with_the_log() {
    let test_dir = TestDir::new(User::Current);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = test_dir.config(test_dir.data()).start_timeout(Duration::from_secs(10));
    let config = config.loopback(Loopback::port(port));
    let error = LocalPostgres::open(config).unwrap_err().to_string();
    assert!(error.contains("could not bind") || error.contains("TCP/IP sockets"), "{error}");
}

#[test]
fn listener_files_are_readable_only_by_the_server() {
    if !needs_root() {
        return;
    }
    let test_dir = TestDir::new(User::Current);
    let config = test_dir.config(test_dir.data()).loopback(Loopback::any_port());
    let open = LocalPostgres::open(config).unwrap();
    let server = std::fs::metadata(open.dir().join("pg")).unwrap().uid();
    let folder = open.dir().join("loopback");
    assert_ne!(std::fs::metadata(&folder).unwrap().uid(), server, "it could replace them");
    let hba = std::fs::metadata(folder.join("pg_hba.conf")).unwrap();
    assert_eq!((hba.uid(), hba.permissions().mode() & 0o777), (server, 0o600));
}
