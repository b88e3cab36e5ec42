//! Running other programs: shown as a line to paste, failing with a sentence.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// A command to run, built up like [`Command`].
#[derive(Debug)]
pub(crate) struct Sh {
    command: Command,
    line: String,
}

impl Sh {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let line = quoted(program.as_ref());
        Self { command: Command::new(program), line }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.line.push(' ');
        self.line.push_str(&quoted(arg.as_ref()));
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let mut line = format!("{name}={} ", quoted(value.as_ref()));
        line.push_str(&self.line);
        self.line = line;
        self.command.env(name, value);
        self
    }

    /// Sets a variable without showing it: the command works for a person without it too.
    pub(crate) fn quiet_env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Puts `dir` before all other places where programs are looked for.
    pub(crate) fn path_first(mut self, dir: &Path) -> Self {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let dirs = [dir.to_owned()].into_iter().chain(std::env::split_paths(&rest));
        if let Ok(path) = std::env::join_paths(dirs) {
            self.command.env("PATH", path);
        }
        self
    }

    /// Runs as another user and group; only root can.
    pub(crate) fn user(mut self, id: u32) -> Self {
        use std::os::unix::process::CommandExt as _;
        self.command.gid(id).uid(id);
        self
    }

    /// The command itself, and the line a person would type for it.
    pub(crate) fn into_command(self) -> (Command, String) {
        (self.command, self.line)
    }

    /// Shows the command, without running it.
    pub(crate) fn shown(self) -> Self {
        println!("\n$ {}", self.line);
        self
    }

    /// Takes a variable away.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs it with its output on ours.
    pub(crate) fn run(mut self) -> Result<()> {
        let status = self.command.status();
        let status = status.map_err(|source| self.not_started(source))?;
        if status.success() { Ok(()) } else { Err(Error::Failed { line: self.line, status }) }
    }

    /// Shows the command, then runs it.
    pub(crate) fn show_and_run(self) -> Result<()> {
        self.shown().run()
    }

    /// Shows the command and runs it, all on standard error: it is not what was asked for, and
    /// `$(cargo xtask db url)` must get the address alone.
    pub(crate) fn aside(mut self) -> Result<()> {
        eprintln!("\n$ {}", self.line);
        self.command.stdout(std::io::stderr());
        self.run()
    }

    /// Runs it in silence; what it said is shown when it fails.
    pub(crate) fn quietly(self) -> Result<()> {
        self.read().map(drop)
    }

    /// Runs it in silence and returns its standard output.
    pub(crate) fn read(mut self) -> Result<String> {
        let output = self.command.stdin(Stdio::null()).output();
        let output = output.map_err(|source| self.not_started(source))?;
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            return Ok(said.into_owned());
        }
        eprintln!("{said}{}", String::from_utf8_lossy(&output.stderr));
        Err(Error::Failed { line: self.line, status: output.status })
    }

    /// Whether it can be run and says that all is well. Nothing is shown.
    pub(crate) fn works(mut self) -> bool {
        let quiet = self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }

    fn not_started(&self, source: std::io::Error) -> Error {
        Error::NotStarted { line: self.line.clone(), source }
    }
}

/// `cargo`, the same one that runs us.
pub(crate) fn cargo() -> Sh {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut sh = Sh::new(program);
    "cargo".clone_into(&mut sh.line);
    // `cargo run` sets these for us. Build scripts of dependencies (ring's among them) are run again
    // when they change, and so everything above would be built again after each `cargo build` by hand.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_")
            || PACKAGE_VARIABLES.iter().any(|v| name == *v)
        {
            sh.command.env_remove(name);
        }
    }
    sh
}

/// Variables of the package that cargo runs, besides `CARGO_PKG_*`.
const PACKAGE_VARIABLES: [&str; 3] =
    ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_MANIFEST_LINKS"];

/// The argument as a shell would have to be told.
fn quoted(arg: &OsStr) -> String {
    let arg = arg.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+*".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) && !arg.contains('*') {
        return arg.into_owned();
    }
    let mut quoted = String::from("'");
    for c in arg.chars() {
        if c == '\'' {
            quoted.push_str(r"'\''");
        } else if write!(quoted, "{c}").is_err() {
            break;
        }
    }
    quoted + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_can_be_pasted_into_a_shell() {
        let sh = Sh::new("echo").args(["plain", "it's", "a b", "", "*"]).env("X", "1 2");
        assert_eq!(sh.line, r"X='1 2' echo plain 'it'\''s' 'a b' '' '*'");
        let said = Sh::new("sh").args(["-c", sh.line.as_str()]).read().unwrap();
        assert_eq!(said, "plain it's a b  *\n");
    }

    #[test]
    fn a_failing_command_is_named_with_its_status() {
        let error = Sh::new("sh").args(["-c", "exit 7"]).run().unwrap_err();
        assert_eq!(error.to_string(), "`sh -c 'exit 7'` failed (exit status: 7)");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Sh::new("/nowhere/tool").arg("x").run().unwrap_err();
        assert_eq!(error.to_string(), "cannot run `/nowhere/tool x`");
        assert!(!Sh::new("/nowhere/tool").works());
    }
}
