//! Several programs that share a data directory.

use std::fs;
use std::time::{Duration, Instant};

use local_postgres::{Error, LocalPostgres, Status, StopMode, start_pinned, status, stop};

use crate::support::{
    Holder, TIMEOUT, TestDir, User, assert_exited, connect, is_alive, kill, show, test_users, until,
};

#[test]
fn last_user_stops_the_server() {
    for user in test_users() {
        let test_dir = TestDir::new(user);
        let mut first = test_dir.hold(&[]);
        let (pid, url) = first.open();
        let mut second = test_dir.hold(&[]);
        assert_eq!(second.open(), (pid, url.clone()));
        let mut connection = connect(&url);
        first.close();
        assert_eq!(connection.query("select 1", &[]).unwrap().len(), 1, "{user:?}");
        drop(connection);
        second.close();
        assert_exited(pid);
    }
}

#[test]
fn concurrent_first_opens_share_one_server() {
    for user in test_users() {
        let test_dir = TestDir::new(user);
        let mut holders: Vec<Holder> = (0..6).map(|_| test_dir.hold(&[])).collect();
        let opened: Vec<_> = holders.iter_mut().map(Holder::open).collect();
        assert!(opened.iter().all(|one| *one == opened[0]), "{opened:?}");
        let log = fs::read_to_string(test_dir.data().join("postgres.log")).unwrap();
        assert_eq!(
            log.matches("belonging to this database system").count(),
            1,
            "one initdb: {log}"
        );
        for holder in holders {
            holder.close();
        }
        assert_exited(opened[0].0);
    }
}

#[test]
fn concurrent_open_and_close_always_works() {
    let test_dir = TestDir::new(User::Current);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..6 {
                    let open = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
                    assert_eq!(show(&open.url("postgres"), "fsync"), "on");
                    open.close().unwrap();
                }
            });
        }
    });
    assert!(matches!(status(&test_dir.data()).unwrap(), Status::Stopped { .. }));
}

#[test]
fn watchdog_stops_the_server_of_killed_users() {
    for user in test_users() {
        let test_dir = TestDir::new(user);
        let mut first = test_dir.hold(&[]);
        let mut second = test_dir.hold(&[]);
        let (pid, url) = first.open();
        second.open();
        first.kill();
        assert_eq!(show(&url, "fsync"), "on", "{user:?}: one user is left");
        second.kill();
        let took = until("the server to end", Duration::from_secs(10), || !is_alive(pid));
        eprintln!("{user:?}: gone {took:.2?} after kill -9 of its last user");
        let log = fs::read_to_string(test_dir.data().join("postgres.log")).unwrap();
        assert!(log.contains("received fast shutdown request"), "it wrote everything out: {log}");

        let mut again = test_dir.hold(&[]);
        again.open();
        again.close();
    }
}

#[test]
fn orphaned_server_without_flock_is_taken_over() {
    let test_dir = TestDir::new(User::Current);
    let mut command = test_dir.command(&test_dir.data(), &[]);
    command.env("PATH", test_dir.dir("empty"));
    let mut left_behind = Holder::start(command);
    left_behind.line("event there is no `flock`");
    let (pid, url) = left_behind.open();
    left_behind.kill();
    assert_eq!(show(&url, "fsync"), "on");

    let open = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    assert_eq!(open.postmaster_pid(), pid);
    open.close().unwrap();
    assert_exited(pid);
}

#[test]
fn server_lingers_and_then_stops() {
    let test_dir = TestDir::new(User::Current);
    let lingering = || test_dir.config(test_dir.data()).linger(Duration::from_secs(2));
    let first = LocalPostgres::open(lingering()).unwrap();
    let pid = first.postmaster_pid();
    first.close().unwrap();
    for _ in 0..3 {
        // Each visit makes it linger anew.
        let again = LocalPostgres::open(lingering()).unwrap();
        assert_eq!(again.postmaster_pid(), pid);
        again.close().unwrap();
        assert!(is_alive(pid));
    }
    let started = Instant::now();
    until("the server to end", Duration::from_secs(15), || !is_alive(pid));
    eprintln!("lingered for {:.2?}", started.elapsed());
    assert!(started.elapsed() > Duration::from_millis(1500));
}

#[test]
fn pinned_server_runs_until_it_is_stopped() {
    let test_dir = TestDir::new(User::Current);
    let info = start_pinned(test_dir.config(test_dir.data())).unwrap();
    assert!(info.is_pinned());
    assert_eq!(info.is_in_use(), Some(false));
    assert!(is_alive(info.pid()));
    assert_eq!(show(&info.url("postgres"), "fsync"), "on");

    let user = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    assert_eq!(user.postmaster_pid(), info.pid());
    let Status::Running(seen) = status(&test_dir.data()).unwrap() else { panic!("not running") };
    assert_eq!(seen.is_in_use(), Some(true));
    assert!(matches!(stop(&test_dir.data(), StopMode::IfUnused), Err(Error::InUse { .. })));
    user.close().unwrap();
    assert!(is_alive(info.pid()), "the last user does not stop a pinned server");

    assert!(stop(&test_dir.data(), StopMode::IfUnused).unwrap());
    assert!(!is_alive(info.pid()));
    assert!(!stop(&test_dir.data(), StopMode::Fast).unwrap(), "there is none any more");
    let open = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    let pid = open.postmaster_pid();
    open.close().unwrap();
    assert_exited(pid);
}

#[test]
fn used_server_can_be_pinned_and_stopped() {
    let test_dir = TestDir::new(User::Current);
    let mut user = test_dir.hold(&[]);
    let (pid, _) = user.open();
    assert_eq!(start_pinned(test_dir.config(test_dir.data())).unwrap().pid(), pid);
    user.close();
    assert!(is_alive(pid));

    let mut user = test_dir.hold(&[]);
    user.open();
    assert!(stop(&test_dir.data(), StopMode::Immediate).unwrap());
    assert_exited(pid);
    user.close();
}

#[test]
fn open_restarts_a_crashed_server() {
    let test_dir = TestDir::new(User::Current);
    let first = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    kill(first.postmaster_pid());
    until("the server to end", TIMEOUT, || !is_alive(first.postmaster_pid()));
    let second = LocalPostgres::open(test_dir.config(test_dir.data())).unwrap();
    assert_ne!(first.postmaster_pid(), second.postmaster_pid());
    first.close().unwrap();
    assert_eq!(show(&second.url("postgres"), "fsync"), "on");
    second.close().unwrap();
    assert!(matches!(status(&test_dir.data()).unwrap(), Status::Stopped { .. }));
}
