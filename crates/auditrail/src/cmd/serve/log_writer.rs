//! Log lines, written together by a thread of their own.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered before they are written. A busy service writes some hundred lines at
/// once instead of each by itself, and a line is never later than this.
const GATHER: Duration = Duration::from_millis(5);
/// Bytes that are gathered at most. Whoever logs more waits until the lines are written, so that a
/// reader that has stopped reading costs no memory.
const GATHERED_MAX: usize = 1024 * 1024;

/// What takes log lines. Cheap to clone.
#[derive(Clone)]
pub(super) struct LogWriter(Arc<Shared>);

/// Writes what is left when it is dropped.
pub(super) struct FlushOnDrop(Arc<Shared>);

struct Shared {
    lines: Mutex<Vec<u8>>,
    /// The first line came.
    came: Condvar,
    /// What lines are written to; locked while they are, and never together with `lines` in the other
    /// order.
    to: Mutex<Box<dyn Write + Send>>,
}

/// Starts the thread, which runs as long as the program.
pub(super) fn start(to: impl Write + Send + 'static) -> (LogWriter, FlushOnDrop) {
    let (lines, came) = (Mutex::default(), Condvar::new());
    let shared = Arc::new(Shared { lines, came, to: Mutex::new(Box::new(to)) });
    let writing = Arc::clone(&shared);
    let started = thread::Builder::new().name("log".to_owned()).spawn(move || {
        loop {
            writing.wait();
            writing.flush();
        }
    });
    // Without the thread, lines are written when there are many, and at the end.
    drop(started);
    (LogWriter(Arc::clone(&shared)), FlushOnDrop(shared))
}

impl Shared {
    /// Waits for a line, and for those that come soon after it.
    #[expect(clippy::disallowed_methods, reason = "it is time that gathers lines")]
    fn wait(&self) {
        let lines = self.came.wait_while(self.lines(), |lines| lines.is_empty());
        drop(lines.unwrap_or_else(PoisonError::into_inner));
        thread::sleep(GATHER);
    }

    /// Writes the lines in the order in which they came.
    fn flush(&self) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut *self.lines());
        // A log that cannot be written is no reason to stop.
        drop(to.write_all(&lines).and_then(|()| to.flush()));
    }

    fn add(&self, line: &[u8]) {
        let mut lines = self.lines();
        let is_first = lines.is_empty();
        lines.extend_from_slice(line);
        let is_full = lines.len() > GATHERED_MAX;
        drop(lines);
        if is_full {
            self.flush();
        } else if is_first {
            self.came.notify_one();
        }
    }

    /// Nothing panics while it holds the lock.
    fn lines(&self) -> MutexGuard<'_, Vec<u8>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Drop for FlushOnDrop {
    fn drop(&mut self) {
        self.0.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Sends what is written to it.
    struct Sent(mpsc::Sender<Vec<u8>>);

    impl Write for Sent {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_owned()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_once_and_in_order() {
        let (sender, receiver) = mpsc::channel();
        let (mut writer, flush) = start(Sent(sender));
        let lines: Vec<String> = (0..1_000).map(|number| format!("{number}\n")).collect();
        for line in &lines {
            writer.write_all(line.as_bytes()).unwrap();
        }
        drop(flush);
        let expected = lines.concat().into_bytes();
        let mut written = Vec::new();
        while written.len() < expected.len() {
            written.extend(receiver.recv().unwrap());
        }
        assert_eq!(written, expected);
    }

    #[test]
    fn a_line_is_written_without_another_one_after_it() {
        let (sender, receiver) = mpsc::channel();
        let (mut writer, _flush) = start(Sent(sender));
        writer.write_all(b"alone\n").unwrap();
        assert_eq!(receiver.recv().unwrap(), b"alone\n");
    }
}
