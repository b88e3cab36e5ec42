//! A process of its own that records, to be killed.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::KEY;

/// The example `recording`, which is built along with the tests.
pub(crate) struct Recording {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Recording {
    pub(crate) fn start(url: &str, spool: &Path, name: &str, count: usize) -> Self {
        Self::start_trusting(url, spool, name, count, None)
    }

    /// The same with an authority of its own to trust.
    pub(crate) fn start_trusting(
        url: &str,
        spool: &Path,
        name: &str,
        count: usize,
        authority: Option<&Path>,
    ) -> Self {
        let built = std::env::current_exe().unwrap();
        let built = built.parent().unwrap().join("../examples/recording");
        assert!(built.exists(), "{} is built by `cargo test` without `--test`", built.display());
        let mut command = Command::new(built);
        if let Some(authority) = authority {
            command.env("SSL_CERT_FILE", authority);
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

    /// The next thing it says; `None` once it has ended.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }

    /// Kills it as `kill -9` does, and gives what it had said by then.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let rest: Vec<_> = self.lines.by_ref().map(Result::unwrap).collect();
        rest
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // Either it has ended, or it must now.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
