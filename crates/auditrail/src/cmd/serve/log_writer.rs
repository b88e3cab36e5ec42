//! A buffered log writer: a background thread writes the lines in batches.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long lines are buffered, and so the longest delay of a line. A busy service writes hundreds of
/// lines with one system call.
const FLUSH_INTERVAL: Duration = Duration::from_millis(5);
/// Bytes buffered at most. A thread that exceeds it flushes the buffer itself and blocks, so that a
/// stalled reader of stderr does not cost memory.
const BUFFER_MAX: usize = 1024 * 1024;

/// Appends lines to the buffer. Cheap to clone.
#[derive(Clone)]
pub(super) struct LogWriter(Arc<Shared>);

/// Flushes the buffer when dropped.
pub(super) struct FlushOnDrop(Arc<Shared>);

struct Shared {
    lines: Mutex<Vec<u8>>,
    /// Notified when a line is appended to an empty buffer.
    not_empty: Condvar,
    /// Lock order: `output` before `lines`.
    output: Mutex<Box<dyn Write + Send>>,
}

/// Starts the thread, which runs until the process ends.
pub(super) fn start(output: impl Write + Send + 'static) -> (LogWriter, FlushOnDrop) {
    let shared = Arc::new(Shared {
        lines: Mutex::default(),
        not_empty: Condvar::new(),
        output: Mutex::new(Box::new(output)),
    });
    let flusher = Arc::clone(&shared);
    let thread = thread::Builder::new().name("log".to_owned()).spawn(move || {
        loop {
            flusher.wait();
            flusher.flush();
        }
    });
    // If the thread cannot be started, lines are still written when the buffer is full and at exit.
    drop(thread);
    (LogWriter(Arc::clone(&shared)), FlushOnDrop(shared))
}

impl Shared {
    /// Waits for a line, then for the flush interval.
    #[expect(clippy::disallowed_methods, reason = "the flush interval is a real delay")]
    fn wait(&self) {
        let lines = self.not_empty.wait_while(self.lines(), |lines| lines.is_empty());
        drop(lines.unwrap_or_else(PoisonError::into_inner));
        thread::sleep(FLUSH_INTERVAL);
    }

    /// Writes the buffered lines in order.
    fn flush(&self) {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut *self.lines());
        // A failure to log must not stop the service.
        drop(output.write_all(&lines).and_then(|()| output.flush()));
    }

    fn add(&self, line: &[u8]) {
        let mut lines = self.lines();
        let is_first = lines.is_empty();
        lines.extend_from_slice(line);
        let is_full = lines.len() > BUFFER_MAX;
        drop(lines);
        if is_full {
            self.flush();
        } else if is_first {
            self.not_empty.notify_one();
        }
    }

    /// No holder of this lock panics, so a poisoned lock is safe to use.
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

    /// Sends the bytes written to it.
    struct ChannelWriter(mpsc::Sender<Vec<u8>>);

    impl Write for ChannelWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_owned()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_once_and_in_order() {
        let (sender, receiver) = mpsc::channel();
        let (mut writer, flush) = start(ChannelWriter(sender));
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
    fn a_single_line_is_flushed() {
        let (sender, receiver) = mpsc::channel();
        let (mut writer, _flush) = start(ChannelWriter(sender));
        writer.write_all(b"alone\n").unwrap();
        assert_eq!(receiver.recv().unwrap(), b"alone\n");
    }
}
