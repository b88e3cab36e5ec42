//! A program that serves until SIGTERM, and prints one line of JSON with its addresses when it is ready.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::sh::Sh;

/// A running program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    line: String,
    ready: Value,
}

impl Service {
    /// Starts it and waits for its line.
    pub(crate) fn start(sh: Sh) -> Result<Self> {
        let (mut command, line) = sh.into_command();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let child = child.map_err(|source| Error::NotStarted { line: line.clone(), source })?;
        let mut service = Self { child, line, ready: Value::Null };
        let mut first = String::new();
        if let Some(out) = service.child.stdout.take() {
            BufReader::new(out).read_line(&mut first).map_err(Error::doing("read an address"))?;
        }
        service.ready = serde_json::from_str(&first).map_err(|_| {
            Error::Refused(format!("`{}` did not start: it printed {first:?}", service.line))
        })?;
        Ok(service)
    }

    /// A text in the line that it printed, by JSON pointer.
    pub(crate) fn ready(&self, pointer: &str) -> Result<String> {
        let text = self.ready.pointer(pointer).and_then(Value::as_str);
        text.map(ToOwned::to_owned).ok_or_else(|| {
            Error::Refused(format!("`{}` printed no {pointer}: {}", self.line, self.ready))
        })
    }

    /// Sends SIGTERM and waits; fails unless it exits with success.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .map_err(|error| Error::Refused(format!("cannot stop `{}`: {error}", self.line)))?;
        let status = self.child.wait().map_err(Error::doing("wait for a program"))?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::Failed { line: self.line.clone(), status })
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail if it has exited already.
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
    fn ready_line_is_read_and_sigterm_stops() {
        let script = r#"trap 'exit 0' TERM; echo '{"listen": "x", "key": {"id": "k"}}'
                        while :; do sleep 0.01; done"#;
        let service = Service::start(shell(script)).unwrap();
        assert_eq!(service.ready("/key/id").unwrap(), "k");
        assert!(service.ready("/port").unwrap_err().to_string().contains("printed no /port"));
        service.stop().unwrap();
    }

    #[test]
    fn start_fails_without_ready_line() {
        let error = Service::start(shell("exit 1")).unwrap_err().to_string();
        assert!(error.ends_with("did not start: it printed \"\""), "{error}");
    }

    #[test]
    fn stop_fails_on_exit_status() {
        let script = "trap 'exit 3' TERM; echo '{}'; while :; do sleep 0.01; done";
        let error = Service::start(shell(script)).unwrap().stop().unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }
}
