//! The way a search is sent and timed. Today the store's own program answers, in this machine's
//! memory; a client of the HTTP service would be the same three functions.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::error::{Error, Result};

/// What a call was answered, and how long that took.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) millis: f64,
    pub(super) records: u64,
    /// The cursor of the next page.
    pub(super) next: Option<String>,
}

/// A running program that answers searches.
#[derive(Debug)]
pub(super) struct Transport {
    child: Child,
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Transport {
    /// Starts the program on a database.
    pub(super) fn start(program: &Path, url: &str) -> Result<Self> {
        let mut command = Command::new(program);
        let piped = command.arg(url).stdin(Stdio::piped()).stdout(Stdio::piped());
        let line = program.display().to_string();
        let started = piped.spawn();
        let mut child = started.map_err(|source| Error::NotStarted { line, source })?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(calls), Some(answers)) => {
                Ok(Self { child, calls, answers: BufReader::new(answers) })
            }
            _ => Err(Error::Refused("the search program has no pipes".to_owned())),
        }
    }

    /// Makes one call.
    pub(super) fn call(&mut self, call: &str) -> Result<Answer> {
        writeln!(self.calls, "{call}").map_err(Error::doing("ask the search program"))?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(Error::doing("read from the search program"))?;
        parse(&line).ok_or_else(|| {
            Error::Refused(format!(
                "the search program did not answer `{call}`; its words are above"
            ))
        })
    }

    /// The most memory the program has held, in KiB; 0 where the system does not say.
    pub(super) fn peak_kib(&self) -> u64 {
        super::super::measure::peak_kib(self.child.id())
    }

    /// Lets it end.
    pub(super) fn end(self) -> Result<()> {
        let Self { mut child, calls, answers: _ } = self;
        drop(calls);
        child.wait().map(drop).map_err(Error::doing("wait for the search program"))
    }
}

fn parse(line: &str) -> Option<Answer> {
    let mut parts = line.trim_end().split('\t');
    let micros: f64 = parts.next()?.parse().ok()?;
    let records = parts.next()?.parse().ok()?;
    let next = Some(parts.next()?).filter(|next| *next != "-").map(ToOwned::to_owned);
    Some(Answer { millis: micros / 1_000.0, records, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let answer = parse("1500\t100\tabc\n").unwrap();
        assert_eq!(
            (answer.millis, answer.records, answer.next.as_deref()),
            (1.5, 100, Some("abc"))
        );
        assert_eq!(parse("1500\t0\t-\n").unwrap().next, None);
        assert!(parse("").is_none());
    }
}
