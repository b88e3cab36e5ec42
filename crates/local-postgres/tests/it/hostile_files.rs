//! Files that the less trusted user of the server put in place of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc;

use local_postgres::{LocalPostgres, Status, StopMode, status, stop};

use rustix::process::Signal;

use crate::support::{TIMEOUT, TestDir, User, assert_exited, signal, until};

/// A stopped cluster.
fn cluster() -> TestDir {
    let test_dir = TestDir::new(User::Current);
    LocalPostgres::open(test_dir.config(test_dir.data())).unwrap().close().unwrap();
    test_dir
}

fn pipe(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o666);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
}

/// The result of an operation that must not wait for anything.
fn at_once<T: Send + 'static>(operation: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(operation()));
    receiver.recv_timeout(TIMEOUT).expect("it waits for a pipe")
}

#[test]
fn pipes_instead_of_files_are_not_waited_for() {
    for name in ["pg/postmaster.pid", "pg/PG_VERSION", "locks/mode", "locks/users", "postgres.log"]
    {
        let test_dir = cluster();
        let file = test_dir.data().join(name);
        fs::remove_file(&file).ok();
        pipe(&file);
        let data = test_dir.data();
        let shown = at_once(move || status(&data).map(|status| format!("{status:?}")));
        if name.starts_with("pg/") {
            let text = shown.unwrap_err().to_string();
            assert!(text.contains("could not read") && text.contains(name), "{text}");
        }
        let data = test_dir.data();
        at_once(move || stop(&data, StopMode::IfUnused).is_ok());
        let config = test_dir.config(test_dir.data());
        let opened = at_once(move || LocalPostgres::open(config));
        if name != "locks/mode" {
            opened.expect_err("it opened a pipe");
        }
    }
}

#[test]
fn watchdog_waits_for_no_pipe() {
    for name in ["locks/mode", "pg/postmaster.pid"] {
        let test_dir = TestDir::new(User::Current);
        let mut holder = test_dir.hold(&[]);
        let (pid, _) = holder.open();
        assert!(has_watchdog(&test_dir.data()), "{name}");
        let file = test_dir.data().join(name);
        fs::remove_file(&file).unwrap();
        pipe(&file);
        holder.kill();
        // It would wait with the lock `users`, so that no program could open the directory.
        until("the watchdog to exit", TIMEOUT, || !has_watchdog(&test_dir.data()));
        signal(pid, Signal::INT);
        assert_exited(pid);
    }
}

/// Whether a watchdog of the directory runs, by the arguments of all processes.
fn has_watchdog(data: &Path) -> bool {
    let data = data.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok()).any(
        |line| {
            let args: Vec<&str> = line.split('\0').collect();
            args.contains(&"local-postgres-watchdog") && args.contains(&data)
        },
    )
}

#[test]
fn links_to_other_files_are_not_followed() {
    let test_dir = cluster();
    let secret = test_dir.path().join("secret");
    fs::write(&secret, "1\nroot:hash\n").unwrap();
    symlink(&secret, test_dir.data().join("pg/postmaster.pid")).unwrap();
    let error = status(&test_dir.data()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.to_string().contains("postmaster.pid"), "{error}");
    assert!(!source.contains("hash") && source.contains("symbolic links"), "{source}");
    LocalPostgres::open(test_dir.config(test_dir.data())).unwrap_err();
    assert_eq!(fs::read_to_string(&secret).unwrap(), "1\nroot:hash\n");
}

#[test]
fn huge_pid_file_is_refused() {
    let test_dir = cluster();
    let file = fs::File::create(test_dir.data().join("pg/postmaster.pid")).unwrap();
    file.set_len(1 << 40).unwrap();
    assert!(status(&test_dir.data()).unwrap_err().to_string().contains("postmaster.pid"));
    drop(fs::remove_file(test_dir.data().join("pg/postmaster.pid")));
    assert!(matches!(status(&test_dir.data()).unwrap(), Status::Stopped { .. }));
}
