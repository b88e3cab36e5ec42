//! `cargo xtask go-test`: other people's code verifies a log of Auditrail.
//!
//! `clients/go-verify` verifies it with the packages that Go verifies modules with, and `openssl` the signature of its
//! checkpoint. Both must refuse what was changed. The last log is that of a running service.

mod openssl;
mod served;
mod server;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::go::Go;
use crate::go_test::served::Served;
use crate::sh::{Sh, cargo};
use crate::workspace::Workspace;

const PROGRAM: &str = "clients/go-verify";
/// Three levels of tiles, each with a partial one.
const LARGE: &str = "66000";
/// Small enough that every entry and every earlier size is verified.
const SMALL: &str = "600";
const ALL: [&str; 2] = ["-entries=600", "-sizes=600"];
/// Files of the small log of which one byte is changed, each with the message of the program.
const TAMPERED: [(&str, &str); 6] = [
    ("tile/entries/000", "is not in the tree"),
    ("tile/entries/002.p/88", "is not in the tree"),
    ("tile/0/001", "inconsistent tile"),
    ("tile/0/002.p/88", "inconsistent tile"),
    ("tile/1/000.p/2", "inconsistent tile"),
    ("checkpoint", "checkpoint: "),
];

/// Builds the program, makes logs, and verifies them.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let go = Go::ensure(workspace)?;
    let dir = workspace.target().join("go-verify");
    let program = build(workspace, &go, &dir)?;
    let [large, small] = [LARGE, SMALL].map(|size| (dir.join(format!("log-{size}")), size));
    for (log, size) in [&large, &small] {
        write(workspace, log, size)?;
    }
    let (large, small) = (large.0, small.0);
    let verify = |log: &Path| Verify::new(&program, &large, log.to_string_lossy().into_owned());
    verify(&large)?.accepts(&["-entries=1000", "-sizes=200"], Some(&large.join("kept")))?;
    verify(&small)?.accepts(&ALL, Some(&small.join("kept")))?;
    openssl::verify(&dir, &text(&small, "checkpoint")?, &text(&small, "vkey")?)?;
    for (file, message) in TAMPERED {
        let path = small.join(file);
        let bytes = fs::read(&path).map_err(Error::doing(format!("read {}", path.display())))?;
        let mut changed = bytes.clone();
        // Not at the border of an entry or a hash.
        let place = changed.len() / 2 + 5;
        changed[place] ^= 1;
        save(&path, &changed)?;
        verify(&small)?.refuses(None, message)?;
        save(&path, &bytes)?;
    }
    verify(&small)?.refuses(Some(&large.join("kept")), "the log was cut short")?;
    let url = server::start(small).map_err(Error::doing("start a server"))?;
    Verify::new(&program, &large, url)?.accepts(&ALL, None)?;
    verify_served(workspace, &program)?;
    println!("go-verify and openssl accept the logs, and refuse {} changes", TAMPERED.len() + 2);
    Ok(())
}

/// Verifies the log of a running service, with an API key that may do nothing else.
fn verify_served(workspace: &Workspace, program: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().map_err(Error::doing("create a directory"))?;
    let served = Served::start(workspace, scratch.path())?;
    let (key, log) = (served.key.clone(), served.url.clone());
    let verify = Verify { program, key, api_key: &served.api_key, log };
    verify.accepts(&ALL, None)?;
    let (key, log) = (served.key.clone(), served.url.clone());
    Verify { program, key, api_key: server::TOKEN, log }.refuses(None, "401")?;
    served.stop()
}

/// Checks the form of the program, and builds it with the toolchain's own `golang.org/x/mod`.
fn build(workspace: &Workspace, go: &Go, dir: &Path) -> Result<PathBuf> {
    let (source, module) = (workspace.root().join(PROGRAM), dir.join("module"));
    if module.exists() {
        fs::remove_dir_all(&module).map_err(Error::doing("clear a directory"))?;
    }
    fs::create_dir_all(&module).map_err(Error::doing("create a directory"))?;
    let files = source.read_dir().map_err(Error::doing(format!("read {PROGRAM}")))?;
    for file in files.flatten() {
        fs::copy(file.path(), module.join(file.file_name()))
            .map_err(Error::doing(format!("copy {}", file.path().display())))?;
    }
    let unformatted = go.sh("gofmt").args(["-l", "."]).dir(&source).read()?;
    if !unformatted.is_empty() {
        return Err(Error::Refused(format!("not formatted by gofmt: {}", unformatted.trim())));
    }
    go.vendor(&module, "x-mod")?;
    go.sh("go").args(["vet", "."]).dir(&module).quietly()?;
    let program = dir.join("go-verify");
    go.sh("go").args(["build", "-o"]).arg(&program).arg(".").dir(&module).quietly()?;
    Ok(program)
}

/// Writes a log anew.
fn write(workspace: &Workspace, log: &Path, size: &str) -> Result<()> {
    if log.exists() {
        fs::remove_dir_all(log).map_err(Error::doing("clear a directory"))?;
    }
    cargo()
        .args(["run", "--quiet", "--package", "auditrail-evidence", "--example", "log_directory"])
        .arg("--")
        .arg(log)
        .arg(size)
        .dir(workspace.root())
        .run()
}

/// A run of the program.
struct Verify<'a> {
    program: &'a Path,
    key: String,
    /// For a URL.
    api_key: &'a str,
    /// A directory or a URL.
    log: String,
}

impl<'a> Verify<'a> {
    /// Both logs have the same key, which one of them names.
    fn new(program: &'a Path, keyed: &Path, log: String) -> Result<Self> {
        Ok(Self { program, key: text(keyed, "vkey")?, api_key: server::TOKEN, log })
    }

    fn sh(&self, args: &[&str], kept: Option<&Path>) -> Sh {
        let sh = Sh::within("60", self.program).args(["-key", &self.key]).args(args);
        let sh = sh.quiet_env("AUDITRAIL_KEY", self.api_key);
        let sh = if let Some(kept) = kept { sh.arg("-since").arg(kept) } else { sh };
        sh.arg(&self.log)
    }

    fn accepts(&self, args: &[&str], kept: Option<&Path>) -> Result<()> {
        self.sh(args, kept).quietly()
    }

    /// Fails unless the program exits with 1 and a message with this text.
    fn refuses(&self, kept: Option<&Path>, message: &str) -> Result<()> {
        let (mut command, line) = self.sh(&ALL, kept).into_command();
        let output = command.output().map_err(Error::doing("run go-verify"))?;
        let printed = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(1)
            && printed.starts_with("not valid: ")
            && printed.contains(message)
        {
            return Ok(());
        }
        let status = output.status;
        Err(Error::Refused(format!("`{line}` must refuse with {message:?}: {status}, {printed}")))
    }
}

fn text(dir: &Path, file: &str) -> Result<String> {
    fs::read_to_string(dir.join(file)).map_err(Error::doing(format!("read {file}")))
}

fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(Error::doing(format!("write {}", path.display())))
}
