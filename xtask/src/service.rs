//! A program that serves: it says in one line of JSON where it does, and ends when it is told to.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::sh::Sh;

/// Such a program, while it runs. Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    line: String,
    said: Value,
}

impl Service {
    /// Starts it and waits until it has said where it answers.
    pub(crate) fn start(sh: Sh) -> Result<Self> {
        let (mut command, line) = sh.into_command();
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let child = started.map_err(|source| Error::NotStarted { line: line.clone(), source })?;
        let mut running = Self { child, line, said: Value::Null };
        let mut first = String::new();
        if let Some(out) = running.child.stdout.take() {
            BufReader::new(out).read_line(&mut first).map_err(Error::doing("read an address"))?;
        }
        running.said = serde_json::from_str(&first).map_err(|_| {
            Error::Refused(format!("`{}` did not start: it said {first:?}", running.line))
        })?;
        Ok(running)
    }

    /// A text of what it said when it was ready.
    pub(crate) fn said(&self, pointer: &str) -> Result<String> {
        let text = self.said.pointer(pointer).and_then(Value::as_str);
        text.map(ToOwned::to_owned).ok_or_else(|| {
            Error::Refused(format!("`{}` did not say {pointer}, but {}", self.line, self.said))
        })
    }

    /// Tells it to end, and fails when it does not end well.
    pub(crate) fn end(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .map_err(|error| Error::Refused(format!("`{}` is gone: {error}", self.line)))?;
        let status = self.child.wait().map_err(Error::doing("wait for a program"))?;
        match status.success() {
            true => Ok(()),
            false => Err(Error::Failed { line: self.line.clone(), status }),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Sh {
        Sh::new("sh").args(["-c", script])
    }

    #[test]
    fn what_a_program_said_can_be_asked_for_and_it_ends_when_told() {
        let script = r#"trap 'exit 0' TERM; echo '{"listen": "x", "key": {"id": "k"}}'
                        while :; do sleep 0.01; done"#;
        let running = Service::start(shell(script)).unwrap();
        assert_eq!(running.said("/key/id").unwrap(), "k");
        assert!(running.said("/port").unwrap_err().to_string().contains("did not say /port"));
        running.end().unwrap();
    }

    #[test]
    fn a_program_that_ends_without_a_word_did_not_start() {
        let error = Service::start(shell("exit 1")).unwrap_err().to_string();
        assert!(error.ends_with("did not start: it said \"\""), "{error}");
    }

    #[test]
    fn a_program_that_ends_badly_is_an_error() {
        let script = "trap 'exit 3' TERM; echo '{}'; while :; do sleep 0.01; done";
        let error = Service::start(shell(script)).unwrap().end().unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }
}
