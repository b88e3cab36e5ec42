//! What a killed program leaves behind: stale pid files, half-made clusters, other people's
//! servers.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use local_postgres::{Error, LocalPostgres, Status, status};
use rustix::process::Signal;

use crate::support::{LIMIT, Place, Who, connect, everybody, is_alive, kill, show, signal, until};

/// A cluster with a row in it, stopped, and the `postmaster.pid` its server wrote.
fn made(place: &Place) -> (PathBuf, String) {
    let open = LocalPostgres::open(place.config(place.data())).unwrap();
    connect(&open.url("postgres"))
        .batch_execute("create table kept (id int)")
        .unwrap();
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
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn opens(place: &Place) {
    let open = LocalPostgres::open(place.config(place.data())).unwrap();
    assert_eq!(
        connect(&open.url("postgres"))
            .query("select from kept", &[])
            .unwrap()
            .len(),
        0
    );
    open.close().unwrap();
}

#[test]
fn a_pid_file_of_a_dead_process_is_no_obstacle() {
    let place = Place::new(Who::Me);
    let (file, text) = made(&place);
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&file, format!("{}\n{rest}", dead.id())).unwrap();
    opens(&place);
}

#[test]
fn a_pid_file_whose_number_belongs_to_another_program_now_is_no_obstacle() {
    let place = Place::new(Who::Me);
    let (file, text) = made(&place);
    // Of the same user: that is the case PostgreSQL itself gives up on.
    let mut other = as_server(&place.data(), Path::new("sleep"))
        .arg("600")
        .spawn()
        .unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(&file, format!("{}\n{rest}", other.id())).unwrap();
    assert!(matches!(
        status(&place.data()).unwrap(),
        Status::Stopped { .. }
    ));
    opens(&place);
    assert!(
        other.try_wait().unwrap().is_none(),
        "the other program is left alone"
    );
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn an_empty_or_damaged_pid_file_is_no_obstacle() {
    let place = Place::new(Who::Me);
    let (file, _) = made(&place);
    for text in ["", "not a number\n", "\n\n\n"] {
        fs::write(&file, text).unwrap();
        opens(&place);
    }
}

#[test]
fn an_initdb_that_was_killed_or_left_alone_is_never_taken_for_a_cluster() {
    for who in everybody() {
        let place = Place::unhurried(who);
        let mut holder = place.hold(&[]);
        holder.line("event making a database cluster");
        holder.kill();
        fs::create_dir(place.data().join("pg.init-1")).unwrap();
        assert!(!place.data().join("pg").exists());

        let mut again = place.hold(&[]);
        again.open();
        again.close();
        let names: Vec<_> = fs::read_dir(place.data())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(
            !names.iter().any(|name| name.starts_with("pg.init")),
            "{names:?}"
        );
    }
}

#[test]
fn a_server_that_is_still_ending_is_waited_for() {
    let place = Place::new(Who::Me);
    let mut first = place.hold(&[]);
    let (pid, url) = first.open();
    let checkpointer = "select pid from pg_stat_activity where backend_type = 'checkpointer'";
    let checkpointer: i32 = connect(&url).query_one(checkpointer, &[]).unwrap().get(0);
    let checkpointer = u32::try_from(checkpointer).unwrap();
    // The last thing a server does is to let this process write everything out.
    signal(checkpointer, Signal::STOP);
    first.kill();
    until("the watchdog to stop the server", LIMIT, || {
        let log = fs::read_to_string(place.data().join("postgres.log")).unwrap();
        log.contains("received fast shutdown request")
    });
    let mut second = place.hold(&[]);
    second.line("event waiting for another program");
    assert!(is_alive(pid));
    signal(checkpointer, Signal::CONT);
    assert_ne!(second.open().0, pid);
    assert!(!is_alive(pid));
    second.close();
}

/// A server that somebody starts by hand on a cluster of ours.
fn by_hand(place: &Place, fsync: &str) -> Child {
    let open = LocalPostgres::open(place.config(place.data())).unwrap();
    let postgres = open.installation().program("postgres").unwrap();
    let socket_dir = open.socket_dir().to_owned();
    open.close().unwrap();
    let child = as_server(&place.data(), &postgres)
        .arg("-D")
        .arg(place.data().join("pg"))
        .args([
            "-c",
            "listen_addresses=",
            "-c",
            &format!("fsync={fsync}"),
            "-c",
        ])
        .arg(format!("unix_socket_directories={}", socket_dir.display()))
        .spawn()
        .unwrap();
    until("the server to answer", LIMIT, || {
        matches!(status(&place.data()), Ok(Status::Running(_)))
    });
    child
}

#[test]
fn a_server_that_somebody_started_by_hand_is_shared_and_left_running() {
    let place = Place::new(Who::Me);
    let mut server = by_hand(&place, "on");
    let open = LocalPostgres::open(place.config(place.data())).unwrap();
    assert_eq!(open.postmaster_pid(), server.id());
    assert_eq!(show(&open.url("postgres"), "fsync"), "on");
    open.close().unwrap();
    assert!(is_alive(server.id()));
    assert!(local_postgres::stop(&place.data(), local_postgres::StopMode::Fast).unwrap());
    server.wait().unwrap();
}

#[test]
fn a_cluster_that_somebody_repairs_without_a_server_is_left_alone() {
    let place = Place::new(Who::Me);
    made(&place);
    let postgres = LocalPostgres::open(place.config(place.data())).unwrap();
    let program = postgres.installation().program("postgres").unwrap();
    postgres.close().unwrap();
    let mut command = as_server(&place.data(), &program);
    command
        .args(["--single", "-D"])
        .arg(place.data().join("pg"))
        .arg("postgres");
    let mut single = command.stdin(Stdio::piped()).spawn().unwrap();
    let file = place.data().join("pg/postmaster.pid");
    until("it to claim the cluster", LIMIT, || {
        fs::read_to_string(&file).is_ok_and(|text| text.starts_with('-'))
    });
    let hurried = place
        .config(place.data())
        .start_timeout(Duration::from_millis(300));
    let error = LocalPostgres::open(hurried).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    assert!(single.try_wait().unwrap().is_none());
    drop(single.stdin.take());
    single.wait().unwrap();
    opens(&place);
}

#[test]
fn a_running_server_with_fsync_off_is_refused_and_left_running() {
    let place = Place::new(Who::Me);
    let mut server = by_hand(&place, "off");
    let error = LocalPostgres::open(place.config(place.data())).unwrap_err();
    assert!(matches!(error, Error::FsyncOff { .. }), "{error}");
    assert!(is_alive(server.id()));
    signal(server.id(), Signal::INT);
    server.wait().unwrap();
}

#[test]
fn a_killed_server_whose_processes_still_write_is_waited_for() {
    let place = Place::new(Who::Me);
    let first = LocalPostgres::open(place.config(place.data())).unwrap();
    let mut client = connect(&first.url("postgres"));
    let backend: i32 = client
        .query_one("select pg_backend_pid()", &[])
        .unwrap()
        .get(0);
    let backend = u32::try_from(backend).unwrap();
    // A process of the old server that does not notice that the server is gone.
    signal(backend, Signal::STOP);
    kill(first.postmaster_pid());
    let mut second = place.hold(&[]);
    // The old process is what it waits for: it goes on only after that one has ended.
    until("the server to end", LIMIT, || {
        !is_alive(first.postmaster_pid())
    });
    assert!(is_alive(backend));
    kill(backend);
    let (pid, _) = second.open();
    assert!(!is_alive(backend));
    assert_ne!(pid, first.postmaster_pid());
    drop(first);
    assert!(is_alive(pid), "the second program still uses it");
    second.close();
    until("the server to end", Duration::from_secs(10), || {
        !is_alive(pid)
    });
}
