//! Directories, users and programs to test with.

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

/// No step of a test takes longer, on the slowest machine that is worth waiting for.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// User and group `nobody` on Linux.
const NOBODY: u32 = 65534;

/// Who runs the program under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The user the tests run as.
    Me,
    /// An ordinary user, when the tests run as root.
    Nobody,
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Root and an ordinary user, or only the ordinary user that we are.
pub(crate) fn everybody() -> Vec<Who> {
    if is_root() {
        return vec![Who::Me, Who::Nobody];
    }
    eprintln!("not root: this test ran as one ordinary user, and not as root");
    vec![Who::Me]
}

/// Whether the rest of a test that needs root can run; says so when not.
pub(crate) fn needs_root() -> bool {
    if !is_root() {
        eprintln!("not root: this test checks what happens to root, and checked nothing");
    }
    is_root()
}

/// A directory of one test, owned by the one who runs the program; removed at the end.
pub(crate) struct Place {
    top: tempfile::TempDir,
    who: Who,
    /// The PostgreSQL that is used here.
    bin_dir: PathBuf,
}

impl Place {
    /// With a PostgreSQL whose `initdb` does not wait for the disk. That is most of what a first
    /// start costs, and nothing here cuts the power.
    pub(crate) fn new(who: Who) -> Self {
        let mut place = Self::unhurried(who);
        let quick = place.path().join("bin");
        fs::create_dir(&quick).unwrap();
        for (name, option) in [("postgres", ""), ("initdb", "--no-sync")] {
            let real = place.bin_dir.join(name);
            let text = format!("#!/bin/sh\nexec '{}' {option} \"$@\"\n", real.display());
            write_program(&quick.join(name), &text);
        }
        place.bin_dir = quick;
        place
    }

    /// With PostgreSQL as it is.
    pub(crate) fn unhurried(who: Who) -> Self {
        let top = tempfile::Builder::new().prefix("lp-").tempdir().unwrap();
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let named = std::env::var_os("LOCAL_POSTGRES_TEST_BIN_DIR").map(PathBuf::from);
        let found = Installation::find(&Search::usual().with_bin_dir(named)).unwrap();
        let place = Self {
            top,
            who,
            bin_dir: found.bin_dir().to_owned(),
        };
        place.dir("home");
        place
    }

    /// To open a database in this process.
    pub(crate) fn config(&self, dir: impl Into<PathBuf>) -> Config {
        Config::new(dir).search(Search::usual().with_bin_dir(Some(self.bin_dir.clone())))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.top.path().canonicalize().unwrap()
    }

    /// Makes a directory that belongs to the one who runs the program.
    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        let dir = self.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        if self.who == Who::Nobody {
            chown(&dir, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        dir
    }

    /// The data directory, which does not exist yet.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("home").join("data")
    }

    /// A program of its own that holds the database of this place.
    pub(crate) fn hold(&self, args: &[&str]) -> Holder {
        Holder::start(self.command(&self.data(), args))
    }

    pub(crate) fn command(&self, data: &Path, args: &[&str]) -> Command {
        let built = std::env::current_exe()
            .unwrap()
            .parent()
            .unwrap()
            .join("../examples/hold");
        assert!(
            built.exists(),
            "build the example `hold` first: cargo test builds all of them"
        );
        let mut program = built;
        if self.who == Who::Nobody {
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
        if self.who == Who::Nobody {
            command
                .uid(NOBODY)
                .gid(NOBODY)
                .env_remove("XDG_RUNTIME_DIR");
        }
        command
    }
}

/// Writes a script that can be run.
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
        Self {
            child,
            stdin,
            lines,
            seen: Vec::new(),
        }
    }

    /// Waits for a line that begins like this, and returns the rest of it.
    pub(crate) fn line(&mut self, begin: &str) -> String {
        let until = Instant::now() + LIMIT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let complaint = self.complaint();
                panic!("no line {begin:?}; lines: {:?}; {complaint}", self.seen);
            };
            self.seen.push(line.clone());
            if let Some(rest) = line.strip_prefix(begin) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Waits until it is open. Process id of the server, and a URL.
    pub(crate) fn open(&mut self) -> (u32, String) {
        let line = self.line("open ");
        let (pid, url) = line.split_once(' ').unwrap();
        (pid.parse().unwrap(), url.to_owned())
    }

    pub(crate) fn close(mut self) {
        self.stdin.take();
        let rest: Vec<String> = self.lines.iter().collect();
        assert!(
            rest.iter().any(|line| line == "closed"),
            "{rest:?}; {}",
            self.complaint()
        );
        assert!(self.child.wait().unwrap().success());
    }

    /// Kills it as nothing can be prepared for, and returns every line it has said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.seen.extend(self.lines.iter());
        self.seen
    }

    /// Waits for it to fail, and returns what it complained about.
    pub(crate) fn failure(mut self) -> String {
        self.stdin.take();
        let said = self.complaint();
        assert!(!self.child.wait().unwrap().success(), "it did not fail");
        said
    }

    fn complaint(&mut self) -> String {
        let mut text = String::new();
        self.stdin.take();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }
}

pub(crate) fn connect(url: &str) -> postgres::Client {
    postgres::Client::connect(url, postgres::NoTls).unwrap()
}

pub(crate) fn show(url: &str, name: &str) -> String {
    connect(url)
        .query_one(&format!("show {name}"), &[])
        .unwrap()
        .get(0)
}

pub(crate) fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Whether a process is there and not merely waiting to be noticed by its parent.
pub(crate) fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .starts_with(" Z")
    })
}

/// Waits until something holds, and returns how long that took.
pub(crate) fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < limit, "waited {limit:?} for: {what}");
        pause();
    }
    begun.elapsed()
}

#[expect(
    clippy::disallowed_methods,
    reason = "other programs' processes offer no event to wait for"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}
