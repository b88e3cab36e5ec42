//! Directories, users and programs for the tests.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use local_postgres::{Config, Installation, Search};
use rustix::process::{Pid, Signal};

/// Timeout of a step of a test.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
/// The unprivileged user and group on Linux.
const UNPRIVILEGED_ID: u32 = 65534;

/// The user that runs the program under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// The user the tests run as.
    Current,
    /// An ordinary user, if the tests run as root.
    Unprivileged,
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Root and an ordinary user, or only the current user.
pub(crate) fn test_users() -> Vec<User> {
    if is_root() {
        return vec![User::Current, User::Unprivileged];
    }
    eprintln!("not root: this test only ran as an ordinary user");
    vec![User::Current]
}

/// Whether a test that requires root can run; prints a note if not.
pub(crate) fn needs_root() -> bool {
    if !is_root() {
        eprintln!("not root: this test requires root and was skipped");
    }
    is_root()
}

/// A directory of one test, owned by the user; removed at the end.
pub(crate) struct TestDir {
    top: tempfile::TempDir,
    user: User,
    /// The PostgreSQL that is used here.
    bin_dir: PathBuf,
}

impl TestDir {
    /// With a PostgreSQL whose `initdb` does not sync, which is most of the cost of a first start.
    pub(crate) fn new(user: User) -> Self {
        let mut test_dir = Self::with_sync(user);
        let quick = test_dir.path().join("bin");
        fs::create_dir(&quick).unwrap();
        for (name, option) in [("postgres", ""), ("initdb", "--no-sync")] {
            let real = test_dir.bin_dir.join(name);
            let text = format!("#!/bin/sh\nexec '{}' {option} \"$@\"\n", real.display());
            write_program(&quick.join(name), &text);
        }
        test_dir.bin_dir = quick;
        test_dir
    }

    /// With the installed PostgreSQL.
    pub(crate) fn with_sync(user: User) -> Self {
        let top = tempfile::Builder::new().prefix("lp-").tempdir().unwrap();
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let named = std::env::var_os("LOCAL_POSTGRES_TEST_BIN_DIR").map(PathBuf::from);
        let found = Installation::find(&Search::usual().with_bin_dir(named)).unwrap();
        let test_dir = Self { top, user, bin_dir: found.bin_dir().to_owned() };
        test_dir.dir("home");
        test_dir
    }

    /// The configuration to open a server in this process.
    pub(crate) fn config(&self, dir: impl Into<PathBuf>) -> Config {
        Config::new(dir).search(Search::usual().with_bin_dir(Some(self.bin_dir.clone())))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.top.path().canonicalize().unwrap()
    }

    /// Creates a directory that belongs to the user.
    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        let dir = self.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        if self.user == User::Unprivileged {
            chown(&dir, Some(UNPRIVILEGED_ID), Some(UNPRIVILEGED_ID)).unwrap();
        }
        dir
    }

    /// The data directory, which does not exist yet.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("home").join("data")
    }

    /// A process that holds the server of this directory.
    pub(crate) fn hold(&self, args: &[&str]) -> Holder {
        Holder::start(self.command(&self.data(), args))
    }

    pub(crate) fn command(&self, data: &Path, args: &[&str]) -> Command {
        let built = std::env::current_exe().unwrap().parent().unwrap().join("../examples/hold");
        assert!(built.exists(), "build the example `hold` first: cargo test builds all of them");
        let mut program = built;
        if self.user == User::Unprivileged {
            // The build directory may be closed to an ordinary user.
            let copy = self.path().join("hold");
            if !copy.exists() {
                fs::copy(&program, &copy).unwrap();
            }
            program = copy;
        }
        let mut command = Command::new(program);
        command.arg(data).args(args).current_dir("/");
        command.arg("--bin-dir").arg(&self.bin_dir);
        if self.user == User::Unprivileged {
            command.uid(UNPRIVILEGED_ID).gid(UNPRIVILEGED_ID).env_remove("XDG_RUNTIME_DIR");
        }
        command
    }
}

/// Writes an executable script.
pub(crate) fn write_program(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The example `hold`, running.
pub(crate) struct Holder {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Holder {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, stdin, lines, seen: Vec::new() }
    }

    /// Waits for a line with a prefix, and returns the rest of it.
    pub(crate) fn line(&mut self, begin: &str) -> String {
        let until = Instant::now() + TIMEOUT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let stderr = self.stderr();
                panic!("no line {begin:?}; lines: {:?}; {stderr}", self.seen);
            };
            self.seen.push(line.clone());
            if let Some(rest) = line.strip_prefix(begin) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Waits until the server is open. Returns its process id and a URL.
    pub(crate) fn open(&mut self) -> (u32, String) {
        let line = self.line("open ");
        let (pid, url) = line.split_once(' ').unwrap();
        (pid.parse().unwrap(), url.to_owned())
    }

    pub(crate) fn close(mut self) {
        self.stdin.take();
        let rest: Vec<String> = self.lines.iter().collect();
        assert!(rest.iter().any(|line| line == "closed"), "{rest:?}; {}", self.stderr());
        assert!(self.child.wait().unwrap().success());
    }

    /// Kills the process, and returns all its lines.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.seen.extend(self.lines.iter());
        self.seen
    }

    /// Waits for the process to fail, and returns its standard error.
    pub(crate) fn failure(mut self) -> String {
        self.stdin.take();
        let message = self.stderr();
        assert!(!self.child.wait().unwrap().success(), "it did not fail");
        message
    }

    fn stderr(&mut self) -> String {
        let mut text = String::new();
        self.stdin.take();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

pub(crate) fn connect(url: &str) -> postgres::Client {
    postgres::Client::connect(url, postgres::NoTls).unwrap()
}

pub(crate) fn show(url: &str, name: &str) -> String {
    connect(url).query_one(&format!("show {name}"), &[]).unwrap().get(0)
}

pub(crate) fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Whether a process exists and is not a zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

/// Asserts that a process has exited. The kernel closes its files, and so releases its locks, a moment before
/// that is visible in `/proc`.
pub(crate) fn assert_exited(pid: u32) {
    until("the exit of a process", Duration::from_secs(5), || !is_alive(pid));
}

/// Waits for a condition, and returns the duration.
pub(crate) fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < limit, "waited {limit:?} for: {what}");
        pause();
    }
    started.elapsed()
}

#[expect(
    clippy::disallowed_methods,
    reason = "other programs' processes offer no event to wait for"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}
