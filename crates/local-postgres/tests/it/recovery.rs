//! Recovery after a kill: stale pid files, unfinished clusters, and servers that were started manually.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use local_postgres::{Error, LocalPostgres, Status, status};
use rustix::process::Signal;

use crate::support::{
    TIMEOUT, TestDir, User, assert_exited, connect, is_alive, kill, show, signal, test_users, until,
};

/// A cluster with a row in it, stopped, and the `postmaster.pid` its server wrote.
fn stopped_cluster(test_dir: &TestDir) -> (PathBuf, String) {
    let open = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    connect(&open.url("postgres")).batch_execute("create table kept (id int)").unwrap();
    let file = open.dir().join("pg/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    open.close().unwrap();
    assert!(!file.exists());
    (file, text)
}

/// Runs as the user the server of this data directory runs as.
fn as_server(data: &Path, program: &Path) -> Command {
    let mut command = Command::new(program);
    let owner = fs::metadata(data.join("pg")).unwrap();
    if crate::support::is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn opens(test_dir: &TestDir) {
    let open = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    assert_eq!(connect(&open.url("postgres")).query("select from kept", &[]).unwrap().len(), 0);
    open.close().unwrap();
}

#[test]
fn pid_file_of_a_dead_process_is_replaced() {
    let test_dir = TestDir::new(User::Current);
    let (file, text) = stopped_cluster(&test_dir);
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&file, format!("{}\n{rest}", dead.id())).unwrap();
    opens(&test_dir);
}

#[test]
fn pid_file_with_a_reused_number_is_replaced() {
    let test_dir = TestDir::new(User::Current);
    let (file, text) = stopped_cluster(&test_dir);
    // Of the same user: PostgreSQL itself does not start in that case.
    let mut other = as_server(&test_dir.data(), Path::new("sleep")).arg("600").spawn().unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&file, format!("{}\n{rest}", other.id())).unwrap();
    assert!(matches!(status(&test_dir.data()).unwrap(), Status::Stopped { .. }));
    opens(&test_dir);
    assert!(other.try_wait().unwrap().is_none(), "the other program is left alone");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn empty_or_damaged_pid_file_is_replaced() {
    let test_dir = TestDir::new(User::Current);
    let (file, _) = stopped_cluster(&test_dir);
    for text in ["", "not a number\n", "\n\n\n"] {
        fs::write(&file, text).unwrap();
        opens(&test_dir);
    }
}

#[test]
fn unfinished_initdb_is_never_used() {
    for user in test_users() {
        let test_dir = TestDir::with_sync(user);
        let mut holder = test_dir.hold(&[]);
        holder.line("event creating a database cluster");
        holder.kill();
        fs::create_dir(test_dir.data().join("pg.init-1")).unwrap();
        assert!(!test_dir.data().join("pg").exists());

        let mut again = test_dir.hold(&[]);
        again.open();
        again.close();
        let names: Vec<_> = fs::read_dir(test_dir.data())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(!names.iter().any(|name| name.starts_with("pg.init")), "{names:?}");
    }
}

#[test]
fn open_waits_for_a_server_that_shuts_down() {
    let test_dir = TestDir::new(User::Current);
    let mut first = test_dir.hold(&[]);
    let (pid, url) = first.open();
    let checkpointer = "select pid from pg_stat_activity where backend_type = 'checkpointer'";
    let checkpointer: i32 = connect(&url).query_one(checkpointer, &[]).unwrap().get(0);
    let checkpointer = u32::try_from(checkpointer).unwrap();
    // A shutdown ends with a checkpoint by this process.
    signal(checkpointer, Signal::STOP);
    first.kill();
    until("the watchdog to stop the server", TIMEOUT, || {
        let log = fs::read_to_string(test_dir.data().join("postgres.log")).unwrap();
        log.contains("received fast shutdown request")
    });
    let mut second = test_dir.hold(&[]);
    second.line("event waiting for another program");
    assert!(is_alive(pid));
    signal(checkpointer, Signal::CONT);
    assert_ne!(second.open().0, pid);
    assert_exited(pid);
    second.close();
}

/// A server that is started manually on a cluster of this crate.
fn start_manually(test_dir: &TestDir, fsync: &str) -> Child {
    let open = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    let postgres = open.installation().program("postgres").unwrap();
    let socket_dir = open.socket_dir().to_owned();
    open.close().unwrap();
    let child = as_server(&test_dir.data(), &postgres)
        .arg("-D")
        .arg(test_dir.data().join("pg"))
        .args(["-c", "listen_addresses=", "-c", &format!("fsync={fsync}"), "-c"])
        .arg(format!("unix_socket_directories={}", socket_dir.display()))
        .spawn()
        .unwrap();
    until("the server to respond", TIMEOUT, || {
        matches!(status(&test_dir.data()), Ok(Status::Running(_)))
    });
    child
}

#[test]
fn manually_started_server_is_shared_and_kept() {
    let test_dir = TestDir::new(User::Current);
    let mut server = start_manually(&test_dir, "on");
    let open = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    assert_eq!(open.postmaster_pid(), server.id());
    assert_eq!(show(&open.url("postgres"), "fsync"), "on");
    open.close().unwrap();
    assert!(is_alive(server.id()));
    assert!(local_postgres::stop(&test_dir.data(), local_postgres::StopMode::Fast).unwrap());
    server.wait().unwrap();
}

#[test]
fn cluster_in_single_user_mode_is_left_alone() {
    let test_dir = TestDir::new(User::Current);
    stopped_cluster(&test_dir);
    let postgres = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    let program = postgres.installation().program("postgres").unwrap();
    postgres.close().unwrap();
    let mut command = as_server(&test_dir.data(), &program);
    command.args(["--single", "-D"]).arg(test_dir.data().join("pg")).arg("postgres");
    let mut single = command.stdin(Stdio::piped()).spawn().unwrap();
    let file = test_dir.data().join("pg/postmaster.pid");
    until("it to claim the cluster", TIMEOUT, || {
        fs::read_to_string(&file).is_ok_and(|text| text.starts_with('-'))
    });
    let hurried = test_dir.config(test_dir.data()).start_timeout(Duration::from_millis(300));
    let error = LocalPostgres::open(hurried).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    assert!(single.try_wait().unwrap().is_none());
    drop(single.stdin.take());
    single.wait().unwrap();
    opens(&test_dir);
}

#[test]
fn running_server_with_fsync_off_is_rejected() {
    let test_dir = TestDir::new(User::Current);
    let mut server = start_manually(&test_dir, "off");
    let error = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap_err();
    assert!(matches!(error, Error::FsyncOff { .. }), "{error}");
    assert!(is_alive(server.id()));
    signal(server.id(), Signal::INT);
    server.wait().unwrap();
}

#[test]
fn open_waits_for_backends_of_a_killed_server() {
    let test_dir = TestDir::new(User::Current);
    let first = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    let mut client = connect(&first.url("postgres"));
    let backend: i32 = client.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
    let backend = u32::try_from(backend).unwrap();
    // A backend that does not notice the exit of the server.
    signal(backend, Signal::STOP);
    kill(first.postmaster_pid());
    let mut second = test_dir.hold(&[]);
    // The open waits for the backend to exit.
    until("the server to end", TIMEOUT, || !is_alive(first.postmaster_pid()));
    assert!(is_alive(backend));
    kill(backend);
    let (pid, _) = second.open();
    assert_exited(backend);
    assert_ne!(pid, first.postmaster_pid());
    drop(first);
    assert!(is_alive(pid), "the second program still uses it");
    second.close();
    until("the server to end", Duration::from_secs(10), || !is_alive(pid));
}
