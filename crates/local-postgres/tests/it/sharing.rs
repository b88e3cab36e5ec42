//! Several programs on one data directory, and what stays when they leave or are killed.

use std::fs;
use std::time::{Duration, Instant};

use local_postgres::{Error, LocalPostgres, Status, StopMode, start_pinned, status, stop};

use crate::support::{Holder, LIMIT, Place, Who, connect, everybody, is_alive, kill, show, until};

#[test]
fn the_first_to_leave_disturbs_nobody_and_the_last_one_stops_the_server() {
    for who in everybody() {
        let place = Place::new(who);
        let mut first = place.hold(&[]);
        let (pid, url) = first.open();
        let mut second = place.hold(&[]);
        assert_eq!(second.open(), (pid, url.clone()));
        let mut connection = connect(&url);
        first.close();
        assert_eq!(
            connection.query("select 1", &[]).unwrap().len(),
            1,
            "{who:?}"
        );
        drop(connection);
        second.close();
        assert!(!is_alive(pid), "{who:?}");
    }
}

#[test]
fn six_programs_that_open_an_empty_directory_at_once_share_one_server() {
    for who in everybody() {
        let place = Place::new(who);
        let mut holders: Vec<Holder> = (0..6).map(|_| place.hold(&[])).collect();
        let opened: Vec<_> = holders.iter_mut().map(Holder::open).collect();
        assert!(opened.iter().all(|one| *one == opened[0]), "{opened:?}");
        let log = fs::read_to_string(place.data().join("postgres.log")).unwrap();
        assert_eq!(
            log.matches("belonging to this database system").count(),
            1,
            "one initdb: {log}"
        );
        for holder in holders {
            holder.close();
        }
        assert!(!is_alive(opened[0].0), "{who:?}");
    }
}

#[test]
fn programs_that_come_and_go_all_the_time_never_find_a_dead_server() {
    let place = Place::new(Who::Me);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..6 {
                    let open = LocalPostgres::open(place.config(place.data())).unwrap();
                    assert_eq!(show(&open.url("postgres"), "fsync"), "on");
                    open.close().unwrap();
                }
            });
        }
    });
    assert!(matches!(
        status(&place.data()).unwrap(),
        Status::Stopped { .. }
    ));
}

#[test]
fn a_server_whose_users_are_all_killed_goes_away_by_itself() {
    for who in everybody() {
        let place = Place::new(who);
        let mut first = place.hold(&[]);
        let mut second = place.hold(&[]);
        let (pid, url) = first.open();
        second.open();
        first.kill();
        assert_eq!(show(&url, "fsync"), "on", "{who:?}: one user is left");
        second.kill();
        let took = until("the server to end", Duration::from_secs(10), || {
            !is_alive(pid)
        });
        eprintln!("{who:?}: gone {took:.2?} after kill -9 of its last user");
        let log = fs::read_to_string(place.data().join("postgres.log")).unwrap();
        assert!(
            log.contains("received fast shutdown request"),
            "it wrote everything out: {log}"
        );

        let mut again = place.hold(&[]);
        again.open();
        again.close();
    }
}

#[test]
fn without_a_flock_program_a_server_left_behind_is_taken_over() {
    let place = Place::new(Who::Me);
    let mut command = place.command(&place.data(), &[]);
    command.env("PATH", place.dir("empty"));
    let mut left_behind = Holder::start(command);
    left_behind.line("event there is no `flock`");
    let (pid, url) = left_behind.open();
    left_behind.kill();
    assert_eq!(show(&url, "fsync"), "on");

    let open = LocalPostgres::open(place.config(place.data())).unwrap();
    assert_eq!(open.postmaster_pid(), pid);
    open.close().unwrap();
    assert!(!is_alive(pid));
}

#[test]
fn a_server_lingers_for_the_next_program_and_then_goes() {
    let place = Place::new(Who::Me);
    let lingering = || place.config(place.data()).linger(Duration::from_secs(2));
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
    let begun = Instant::now();
    until("the server to end", Duration::from_secs(15), || {
        !is_alive(pid)
    });
    eprintln!("lingered for {:.2?}", begun.elapsed());
    assert!(begun.elapsed() > Duration::from_millis(1500));
}

#[test]
fn a_pinned_server_stays_without_users_until_it_is_stopped() {
    let place = Place::new(Who::Me);
    let info = start_pinned(place.config(place.data())).unwrap();
    assert!(info.is_pinned());
    assert_eq!(info.is_in_use(), Some(false));
    assert!(is_alive(info.pid()));
    assert_eq!(show(&info.url("postgres"), "fsync"), "on");

    let user = LocalPostgres::open(place.config(place.data())).unwrap();
    assert_eq!(user.postmaster_pid(), info.pid());
    let Status::Running(seen) = status(&place.data()).unwrap() else {
        panic!("not running")
    };
    assert_eq!(seen.is_in_use(), Some(true));
    assert!(matches!(
        stop(&place.data(), StopMode::IfUnused),
        Err(Error::InUse { .. })
    ));
    user.close().unwrap();
    assert!(
        is_alive(info.pid()),
        "the last user does not stop a pinned server"
    );

    assert!(stop(&place.data(), StopMode::IfUnused).unwrap());
    assert!(!is_alive(info.pid()));
    assert!(
        !stop(&place.data(), StopMode::Fast).unwrap(),
        "there is none any more"
    );
    let open = LocalPostgres::open(place.config(place.data())).unwrap();
    let pid = open.postmaster_pid();
    open.close().unwrap();
    assert!(!is_alive(pid), "it is not pinned for ever");
}

#[test]
fn a_server_that_is_used_can_be_pinned_and_be_stopped_under_its_users() {
    let place = Place::new(Who::Me);
    let mut user = place.hold(&[]);
    let (pid, _) = user.open();
    assert_eq!(start_pinned(place.config(place.data())).unwrap().pid(), pid);
    user.close();
    assert!(is_alive(pid));

    let mut user = place.hold(&[]);
    user.open();
    assert!(stop(&place.data(), StopMode::Immediate).unwrap());
    assert!(!is_alive(pid));
    user.close();
}

#[test]
fn a_server_that_died_is_started_again_by_opening_again() {
    let place = Place::new(Who::Me);
    let first = LocalPostgres::open(place.config(place.data())).unwrap();
    kill(first.postmaster_pid());
    until("the server to end", LIMIT, || {
        !is_alive(first.postmaster_pid())
    });
    let second = LocalPostgres::open(place.config(place.data())).unwrap();
    assert_ne!(first.postmaster_pid(), second.postmaster_pid());
    first.close().unwrap();
    assert_eq!(show(&second.url("postgres"), "fsync"), "on");
    second.close().unwrap();
    assert!(matches!(
        status(&place.data()).unwrap(),
        Status::Stopped { .. }
    ));
}
