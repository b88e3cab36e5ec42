//! The example `recording` as a child process that tests can kill.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::KEY;

/// A running child. Cargo builds the example along with the tests.
pub(crate) struct Recording {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Recording {
    pub(crate) fn start(url: &str, spool: &Path, name: &str, count: usize) -> Self {
        Self::start_with_ca(url, spool, name, count, None)
    }

    /// The same with a certificate authority to trust.
    pub(crate) fn start_with_ca(
        url: &str,
        spool: &Path,
        name: &str,
        count: usize,
        ca: Option<&Path>,
    ) -> Self {
        let test = std::env::current_exe().unwrap();
        let example = test.parent().unwrap().join("../examples/recording");
        assert!(
            example.exists(),
            "run `cargo test` without `--test` to build {}",
            example.display()
        );
        let mut command = Command::new(example);
        if let Some(ca) = ca {
            command.env("SSL_CERT_FILE", ca);
        }
        let mut child = command
            .args([url, spool.to_str().unwrap(), name, &count.to_string()])
            .env("AUDITRAIL_KEY", KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line of its standard output; `None` once it has exited.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }

    /// Kills it with SIGKILL and returns the remaining lines.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.by_ref().map(Result::unwrap).collect()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // Errors mean that it has exited already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
