//! Runs the program in a temporary working directory.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Variables of the machine that would affect the program.
const CLEARED_VARIABLES: [&str; 21] = [
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "AUDITRAIL_DATA_DIR",
    "AUDITRAIL_CONFIG",
    "AUDITRAIL_KEY",
    "AUDITRAIL_KEY_FILE",
    "AUDITRAIL_PG_BIN",
    "AUDITRAIL_LOCK_TIMEOUT",
    "AUDITRAIL_SIGNING_KEY_FILE",
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGDATABASE",
    "PGPASSWORD",
    "PGOPTIONS",
    "PGSSLMODE",
    "PGSERVICE",
];

/// A temporary working directory, and the environment variables of the program.
pub(crate) struct Sandbox {
    dir: TempDir,
    env: Vec<(String, String)>,
    /// The limit of open files, if not that of the test.
    files: Option<u32>,
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Sandbox {
    /// Without a database.
    pub(crate) fn bare() -> Self {
        Self { dir: TempDir::new().unwrap(), env: Vec::new(), files: None }
    }

    /// With this database.
    pub(crate) fn with(url: &str) -> Self {
        Self::bare().set("DATABASE_URL", url)
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Limits the number of files that the program may have open.
    pub(crate) fn limit_files(self, files: u32) -> Self {
        Self { files: Some(files), ..self }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file into the working directory.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// The contents of a file in the working directory.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        const PROGRAM: &str = env!("CARGO_BIN_EXE_auditrail");
        let mut command = match self.files {
            None => Command::new(PROGRAM),
            Some(files) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\""), PROGRAM]);
                shell
            }
        };
        for name in CLEARED_VARIABLES {
            command.env_remove(name);
        }
        command
            .args(args)
            .current_dir(self.dir.path())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Run {
        self.command(args).output().unwrap().into()
    }

    /// Runs the program with `input` on stdin.
    pub(crate) fn run_with_input<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Run {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // The program may stop reading early; the caller checks the result.
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().unwrap().into()
        })
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self:#?}");
        self
    }

    /// Asserts that stderr contains `text`.
    #[track_caller]
    pub(crate) fn stderr_has(self, text: &str) -> Self {
        assert!(self.err.contains(text), "no {text:?} in {self:#?}");
        self
    }

    /// Asserts that stdout contains `text`.
    #[track_caller]
    pub(crate) fn stdout_has(self, text: &str) -> Self {
        assert!(self.out.contains(text), "no {text:?} in {self:#?}");
        self
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.out);
        parsed.unwrap_or_else(|e| panic!("not one JSON document ({e}): {self:#?}"))
    }

    /// The JSON lines on stdout.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line);
        let rows: Result<_, _> = self.out.lines().map(parse).collect();
        rows.unwrap_or_else(|e| panic!("not NDJSON ({e}): {self:#?}"))
    }

    /// The JSON error on stderr, which is its last line.
    #[track_caller]
    pub(crate) fn error_code(&self) -> String {
        let last = self.err.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(last)
            .unwrap_or_else(|e| panic!("no JSON error on stderr ({e}): {self:#?}"));
        assert!(error["error"]["message"].is_string(), "{self:#?}");
        error["error"]["code"].as_str().unwrap().to_owned()
    }
}

/// The path of a file of real input, or `None` with a message if this machine has none.
pub(crate) fn real_data(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let path = root.join("shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} does not exist", path.display());
    None
}
