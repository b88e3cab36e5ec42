//! Child processes: printed as a shell line, and failing with an [`Error`] that names it.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// A [`Command`] together with the shell line for it.
#[derive(Debug)]
#[must_use]
pub struct Sh {
    command: Command,
    line: String,
}

impl Sh {
    /// A command without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let line = quoted(program.as_ref());
        Self { command: Command::new(program), line }
    }

    /// A command without arguments, ended with all its processes after some seconds.
    pub fn within(seconds: &str, program: impl AsRef<OsStr>) -> Self {
        Self::new("timeout").args(["--kill-after=30", seconds]).arg(program)
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.line.push(' ');
        self.line.push_str(&quoted(arg.as_ref()));
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// Sets a variable, which becomes part of the shell line.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.line = format!("{name}={} {}", quoted(value.as_ref()), self.line);
        self.quiet_env(name, value)
    }

    /// Sets a variable that a person who pastes the shell line does not need.
    pub fn quiet_env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes an inherited variable.
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Sets the working directory.
    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Prepends `dir` to `PATH`.
    pub fn path_first(mut self, dir: &Path) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs = [dir.to_owned()].into_iter().chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(dirs) {
            self.command.env("PATH", path);
        }
        self
    }

    /// Runs it as another user and group; requires root.
    pub fn user(mut self, id: u32) -> Self {
        self.command.gid(id).uid(id);
        self
    }

    /// The command, and its shell line.
    pub fn into_command(self) -> (Command, String) {
        (self.command, self.line)
    }

    /// Prints the shell line.
    pub fn shown(self) -> Self {
        println!("\n$ {}", self.line);
        self
    }

    /// Runs it with inherited standard streams.
    pub fn run(mut self) -> Result<()> {
        let status = self.command.status().map_err(|source| self.not_started(source))?;
        if status.success() { Ok(()) } else { Err(Error::Failed { line: self.line, status }) }
    }

    /// Runs it with inherited standard streams, and returns its exit code; none after a signal.
    pub fn exit_code(mut self) -> Result<Option<i32>> {
        let status = self.command.status().map_err(|source| self.not_started(source))?;
        Ok(status.code())
    }

    /// Prints the shell line, then runs it.
    pub fn show_and_run(self) -> Result<()> {
        self.shown().run()
    }

    /// As [`show_and_run`](Self::show_and_run), with all output on standard error, so that
    /// `$(cargo xtask db url)` captures the URL alone.
    pub fn run_on_stderr(mut self) -> Result<()> {
        eprintln!("\n$ {}", self.line);
        self.command.stdout(std::io::stderr());
        self.run()
    }

    /// Runs it without output, which is printed only on failure.
    pub fn quietly(self) -> Result<()> {
        self.read().map(drop)
    }

    /// Runs it and returns its standard output; both outputs are printed on failure.
    pub fn read(mut self) -> Result<String> {
        let output = self.command.stdin(Stdio::null()).output();
        let output = output.map_err(|source| self.not_started(source))?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            return Ok(stdout.into_owned());
        }
        eprintln!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        Err(Error::Failed { line: self.line, status: output.status })
    }

    /// Whether it can be started and exits with success. Prints nothing.
    pub fn works(mut self) -> bool {
        let quiet = self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }

    fn not_started(&self, source: std::io::Error) -> Error {
        Error::NotStarted { line: self.line.clone(), source }
    }
}

/// The `cargo` that runs this process.
pub fn cargo() -> Sh {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut sh = Sh::new(program);
    "cargo".clone_into(&mut sh.line);
    // `cargo run` sets these; build scripts (ring's among them) would rerun when they change.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_")
            || PACKAGE_VARIABLES.iter().any(|variable| name == *variable)
        {
            sh.command.env_remove(name);
        }
    }
    sh
}

/// Variables of the package that cargo runs, besides `CARGO_PKG_*`.
const PACKAGE_VARIABLES: [&str; 3] =
    ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_MANIFEST_LINKS"];

/// The argument, quoted for a POSIX shell where necessary.
fn quoted(arg: &OsStr) -> String {
    let arg = arg.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !arg.is_empty() && arg.chars().all(is_plain) {
        return arg.into_owned();
    }
    format!("'{}'", arg.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_line_is_quoted_for_pasting() {
        let sh = Sh::new("echo").args(["plain", "it's", "a b", "", "*"]).env("X", "1 2");
        assert_eq!(sh.line, r"X='1 2' echo plain 'it'\''s' 'a b' '' '*'");
        let output = Sh::new("sh").args(["-c", sh.line.as_str()]).read().unwrap();
        assert_eq!(output, "plain it's a b  *\n");
    }

    #[test]
    fn failure_names_command_and_status() {
        let error = Sh::new("sh").args(["-c", "exit 7"]).run().unwrap_err();
        assert_eq!(error.to_string(), "`sh -c 'exit 7'` failed (exit status: 7)");
    }

    #[test]
    fn missing_program_is_named() {
        let error = Sh::new("/nowhere/tool").arg("x").run().unwrap_err();
        assert_eq!(error.to_string(), "cannot run `/nowhere/tool x`");
        assert!(!Sh::new("/nowhere/tool").works());
    }
}
