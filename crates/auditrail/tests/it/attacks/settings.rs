//! Settings in a working directory that another user wrote, as root and as an ordinary user.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::sandbox::{Run, Sandbox};

/// No server listens at this address.
const NOWHERE: &str = "postgres://ana@127.0.0.1:1/nowhere";
/// Another user than the one who runs the program.
const STRANGER: u32 = 65_534;
/// An ordinary user who runs the program, if the tests run as root.
const ORDINARY: u32 = 12_345;
const FILES: [&str; 2] = [".env", "auditrail.toml"];

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A setting that leads to the exit code 6 if it is used.
fn text(file: &str) -> String {
    match file {
        ".env" => format!("DATABASE_URL={NOWHERE}\n"),
        _ => format!("database_url = \"{NOWHERE}\"\n"),
    }
}

/// Whether the group bits may be those of the private group of the user who runs the tests.
fn has_private_group(bits: u32) -> bool {
    !is_root() && bits & 0o002 == 0
}

/// Runs a command that must not wait for anything.
fn run_as(sandbox: &Sandbox, user: Option<u32>, args: &[&str]) -> Run {
    let mut command = sandbox.command(args);
    if let Some(user) = user {
        command.uid(user).gid(user);
        command.env("HOME", sandbox.path(""));
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (sender, ended) = std::sync::mpsc::channel();
    let id = i32::try_from(child.id()).unwrap();
    std::thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(60))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            let child = rustix::process::Pid::from_raw(id).unwrap();
            rustix::process::kill_process(child, rustix::process::Signal::KILL).ok();
        }
    });
    let mut streams = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (mut out, mut err) = (String::new(), String::new());
    std::io::Read::read_to_string(&mut streams.0, &mut out).unwrap();
    std::io::Read::read_to_string(&mut streams.1, &mut err).unwrap();
    let status = child.wait().unwrap();
    sender.send(()).ok();
    Run { code: status.code(), out, err }
}

/// The users to test with; `None` is the current one.
fn users() -> Vec<Option<u32>> {
    if is_root() { vec![None, Some(ORDINARY)] } else { vec![None] }
}

/// A directory of this user.
fn directory_of(user: Option<u32>) -> Sandbox {
    let sandbox = Sandbox::bare();
    if let Some(user) = user {
        chown(sandbox.path(""), Some(user), Some(user)).unwrap();
    }
    sandbox
}

fn put(sandbox: &Sandbox, name: &str, owner: Option<u32>, bits: u32) -> PathBuf {
    let path = sandbox.file(name, text(name));
    if let Some(owner) = owner {
        chown(&path, Some(owner), Some(owner)).unwrap();
    }
    mode(&path, bits);
    path
}

#[track_caller]
fn refused(run: Run, name: &str, reason: &str) {
    let run = run.code(2).stderr_has(&format!("/{name} is refused: ")).stderr_has(reason);
    assert!(!run.err.contains("ana@"), "the contents are not shown: {run:?}");
}

#[test]
fn own_files_and_those_of_root_are_used() {
    for user in users() {
        for name in FILES {
            for (owner, bits) in [(user, 0o600), (user, 0o644), (None, 0o644), (None, 0o444)] {
                let sandbox = directory_of(user);
                put(&sandbox, name, owner, bits);
                run_as(&sandbox, user, &["query"]).code(6).stderr_has("as ana");
            }
            // Other users cannot replace the files of a sticky directory.
            let sandbox = directory_of(user);
            put(&sandbox, name, user, 0o600);
            mode(&sandbox.path(""), 0o1777);
            run_as(&sandbox, user, &["query"]).code(6);
        }
    }
}

#[test]
fn files_of_another_user_are_refused() {
    if !is_root() {
        eprintln!("not root: this test cannot give files away and was skipped");
        return;
    }
    for user in users() {
        for name in FILES {
            let sandbox = directory_of(user);
            put(&sandbox, name, Some(STRANGER), 0o644);
            for command in
                [&["query"][..], &["config", "show"], &["config", "check"], &["db", "status"]]
            {
                refused(run_as(&sandbox, user, command), name, "it belongs to user 65534, not to");
            }
            // Commands without settings work everywhere.
            run_as(&sandbox, user, &["completions", "bash"]).code(0);

            let sandbox = directory_of(Some(STRANGER));
            mode(&sandbox.path(""), 0o755);
            put(&sandbox, name, user, 0o600);
            refused(run_as(&sandbox, user, &["query"]), name, "belongs to user 65534, not to");
        }
    }
    // As with sudo, in the directory of the user who called it.
    let sandbox = directory_of(Some(ORDINARY)).set("SUDO_UID", &ORDINARY.to_string());
    put(&sandbox, ".env", Some(ORDINARY), 0o600);
    refused(run_as(&sandbox, None, &["query"]), ".env", "not to root");
}

#[test]
fn files_that_others_can_write_are_refused() {
    for user in users() {
        for name in FILES {
            for (bits, reason) in [
                (0o666, "others can write to it (mode 0666)"),
                (0o602, "others can write to it (mode 0602)"),
                (0o660, "its group can write to it (mode 0660)"),
            ] {
                if has_private_group(bits) {
                    continue;
                }
                let sandbox = directory_of(user);
                put(&sandbox, name, user, bits);
                refused(run_as(&sandbox, user, &["query"]), name, reason);
            }
            for (bits, reason) in [
                (0o777, "can be written by others (mode 0777)"),
                (0o770, "can be written by its group (mode 0770)"),
            ] {
                if has_private_group(bits) {
                    continue;
                }
                let sandbox = directory_of(user);
                put(&sandbox, name, user, 0o600);
                mode(&sandbox.path(""), bits);
                refused(run_as(&sandbox, user, &["query"]), name, reason);
            }
        }
    }
}

#[test]
fn links_are_judged_with_their_targets() {
    for name in FILES {
        let sandbox = Sandbox::bare();
        let target = sandbox.file("private/target", text(name));
        symlink("private/target", sandbox.path(name)).unwrap();
        mode(&target, 0o644);
        sandbox.run(&["query"]).code(6);
        mode(&target, 0o666);
        refused(sandbox.run(&["query"]), name, "others can write to it");
        mode(&target, 0o600);
        mode(&sandbox.path("private"), 0o777);
        refused(sandbox.run(&["query"]), name, "private can be written by others");
        mode(&sandbox.path("private"), 0o755);
        if is_root() {
            lchown(sandbox.path(name), Some(STRANGER), None).unwrap();
            refused(sandbox.run(&["query"]), name, "it is a symbolic link of user 65534");
        }
        fs::remove_file(sandbox.path(name)).unwrap();
        symlink("nowhere", sandbox.path(name)).unwrap();
        sandbox.run(&["config", "check"]).code(0);
    }
}

#[test]
fn pipes_devices_and_huge_files_do_not_hang() {
    for name in FILES {
        let sandbox = Sandbox::bare();
        let kind = rustix::fs::FileType::Fifo;
        let bits = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, sandbox.path(name), kind, bits, 0).unwrap();
        refused(run_as(&sandbox, None, &["query"]), name, "it is not a regular file");

        fs::remove_file(sandbox.path(name)).unwrap();
        symlink("/dev/zero", sandbox.path(name)).unwrap();
        refused(run_as(&sandbox, None, &["query"]), name, "it is not a regular file");

        fs::remove_file(sandbox.path(name)).unwrap();
        let huge = File::create(sandbox.path(name)).unwrap();
        huge.set_len(1 << 40).unwrap();
        mode(&sandbox.path(name), 0o600);
        run_as(&sandbox, None, &["query"]).code(2).stderr_has("more than 1048576 bytes");

        let sandbox = Sandbox::bare();
        let (line, file) = match name {
            ".env" => ("DATABASE_URL_FILE=pipe\n", ".env"),
            _ => ("database_url_file = \"pipe\"\n", "auditrail.toml"),
        };
        sandbox.file(file, line);
        rustix::fs::mknodat(rustix::fs::CWD, sandbox.path("pipe"), kind, bits, 0).unwrap();
        run_as(&sandbox, None, &["query"]).code(2).stderr_has("pipe (");
    }
    let sandbox = Sandbox::bare();
    fs::create_dir(sandbox.path(".env")).unwrap();
    sandbox.run(&["config", "check"]).code(0);
}

/// A directory with programs that record who ran them.
fn planted(sandbox: &Sandbox) -> PathBuf {
    mode(&sandbox.path(""), 0o755);
    let seen = sandbox.file("seen", "");
    mode(&seen, 0o666);
    for name in ["postgres", "initdb", "psql"] {
        let script = format!(
            "#!/bin/sh\necho {name} $(id -u) >> {}\necho 'postgres (PostgreSQL) 15.1'\n",
            seen.display()
        );
        mode(&sandbox.file(&format!("bin/{name}"), script), 0o755);
    }
    seen
}

#[test]
fn found_files_cannot_say_which_programs_run() {
    let commands = [
        &["query"][..],
        &["migrate", "status"],
        &["key", "list"],
        &["log", "--actor", "user:u", "--action", "a.b", "--target", "t:x"],
        &["db", "start"],
        &["db", "psql"],
        &["db", "status"],
        &["config", "show"],
    ];
    let cases = [
        (".env", "AUDITRAIL_PG_BIN=bin\n", "AUDITRAIL_PG_BIN in .env is refused", "--pg-bin"),
        (".env", "AUDITRAIL_DATA_DIR=d\n", "AUDITRAIL_DATA_DIR in .env is refused", "--data-dir"),
        ("auditrail.toml", "pg_bin = \"bin\"\n", "pg_bin in auditrail.toml is refused", "--pg-bin"),
        (
            "auditrail.toml",
            "data_dir = \"d\"\n",
            "data_dir in auditrail.toml is refused",
            "--data-dir",
        ),
    ];
    for (name, line, reason, next) in cases {
        let sandbox = Sandbox::bare();
        let seen = planted(&sandbox);
        sandbox.file(name, line);
        for command in commands {
            sandbox.run(command).code(2).stderr_has(reason).stderr_has(next);
        }
        assert_eq!(fs::read_to_string(seen).unwrap(), "");
        assert!(!sandbox.path("d").exists());
    }
    // Nor by a detour.
    let sandbox = Sandbox::bare();
    let seen = planted(&sandbox);
    sandbox.file(".env", "AUDITRAIL_CONFIG=other.toml\n");
    sandbox.file("other.toml", "pg_bin = \"bin\"\n");
    sandbox.run(&["query"]).code(2).stderr_has("pg_bin in other.toml is refused");
    mode(&sandbox.file("other.toml", text("other.toml")), 0o666);
    refused(sandbox.run(&["query"]), "other.toml", "others can write to it");
    assert_eq!(fs::read_to_string(seen).unwrap(), "");
}

#[test]
fn named_files_and_the_environment_may_say_it() {
    let sandbox = Sandbox::bare().set("AUDITRAIL_PG_BIN", "/e").set("AUDITRAIL_DATA_DIR", "/d");
    sandbox.file(".env", "AUDITRAIL_PG_BIN=bin\nAUDITRAIL_DATA_DIR=d\n");
    let shown = sandbox.run(&["config", "show", "--json"]);
    // The variables of the process win, so the file decides nothing.
    shown.code(0).stdout_has("\"/e\"").stdout_has("\"/d\"");

    let sandbox = Sandbox::bare();
    sandbox.file("auditrail.toml", "pg_bin = \"bin\"\ndata_dir = \"d\"\n");
    let shown = sandbox.run(&["config", "show", "--json", "--config", "auditrail.toml"]);
    shown.code(0).stdout_has("\"bin\"").stdout_has("\"d\"");
    let sandbox = sandbox.set("AUDITRAIL_CONFIG", "auditrail.toml");
    sandbox.run(&["config", "show", "--json"]).code(0).stdout_has("\"bin\"");
}

#[test]
fn root_runs_no_program_of_a_named_directory() {
    let sandbox = Sandbox::bare();
    let seen = planted(&sandbox);
    let bin = sandbox.path("bin");
    let data = sandbox.path("data");
    let args = ["query", "--pg-bin", bin.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    sandbox.run(&args).code(6);
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("postgres ") && seen.contains("initdb "), "{seen}");
    assert!(!is_root() || !seen.lines().any(|line| line.ends_with(" 0")), "{seen}");
}
