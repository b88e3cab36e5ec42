//! A buffered log writer: a background thread writes the lines in batches.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long lines are buffered, and so the longest delay of a line. A busy service writes hundreds of
/// lines with one system call.
const FLUSH_INTERVAL: Duration = Duration::from_millis(5);
/// After this many empty flush intervals the thread stops polling and waits for a notification. Under
/// load it keeps polling, because a notification costs more than appending the line.
const IDLE_INTERVALS: u32 = 4;
/// Bytes buffered at most. A thread that exceeds it flushes the buffer itself and blocks, so that a
/// stalled reader of stderr does not cost memory.
const BUFFER_MAX: usize = 1024 * 1024;

/// Appends lines to the buffer. Cheap to clone.
#[derive(Clone)]
pub(super) struct LogWriter(Arc<Shared>);

/// Flushes the buffer when dropped.
pub(in crate::cmd) struct FlushOnDrop(Arc<Shared>);

struct Shared {
    buffer: Mutex<Buffer>,
    /// Notified when a line is appended while the thread is not polling.
    wake: Condvar,
    /// Lock order: `output` before `buffer`.
    output: Mutex<Box<dyn Write + Send>>,
}

#[derive(Default)]
struct Buffer {
    lines: Vec<u8>,
    /// Whether the thread polls the buffer, so that it needs no notification.
    is_polled: bool,
}

/// Starts the thread, which runs until the process ends.
pub(super) fn start(output: impl Write + Send + 'static) -> (LogWriter, FlushOnDrop) {
    let shared = Arc::new(Shared {
        buffer: Mutex::default(),
        wake: Condvar::new(),
        output: Mutex::new(Box::new(output)),
    });
    let flusher = Arc::clone(&shared);
    let thread = thread::Builder::new().name("log".to_owned()).spawn(move || {
        loop {
            flusher.wait();
            flusher.flush_until_idle();
        }
    });
    // If the thread cannot be started, lines are still written when the buffer is full and at exit.
    drop(thread);
    (LogWriter(Arc::clone(&shared)), FlushOnDrop(shared))
}

impl Shared {
    /// Waits until the buffer has a line.
    fn wait(&self) {
        let mut buffer = self.buffer();
        buffer.is_polled = !buffer.lines.is_empty();
        let buffer = self.wake.wait_while(buffer, |buffer| !buffer.is_polled);
        drop(buffer.unwrap_or_else(PoisonError::into_inner));
    }

    /// Flushes the buffer at each interval, until it was empty for several intervals.
    #[expect(clippy::disallowed_methods, reason = "the flush interval is a real delay")]
    fn flush_until_idle(&self) {
        let mut idle = 0;
        while idle < IDLE_INTERVALS {
            thread::sleep(FLUSH_INTERVAL);
            idle = if self.flush() { 0 } else { idle + 1 };
        }
    }

    /// Writes the buffered lines in order. Returns `false` if the buffer was empty.
    fn flush(&self) -> bool {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut self.buffer().lines);
        if lines.is_empty() {
            return false;
        }
        // A failure to log must not stop the service.
        drop(output.write_all(&lines).and_then(|()| output.flush()));
        true
    }

    fn add(&self, line: &[u8]) {
        let mut buffer = self.buffer();
        buffer.lines.extend_from_slice(line);
        let is_full = buffer.lines.len() > BUFFER_MAX;
        let was_polled = std::mem::replace(&mut buffer.is_polled, true);
        drop(buffer);
        if is_full {
            self.flush();
        }
        if !was_polled {
            self.wake.notify_one();
        }
    }

    /// No holder of this lock panics, so a poisoned lock is safe to use.
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
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
        // Also after the thread has stopped polling.
        while writer.0.buffer().is_polled {
            thread::yield_now();
        }
        writer.write_all(b"later\n").unwrap();
        assert_eq!(receiver.recv().unwrap(), b"later\n");
    }

    #[test]
    fn full_buffer_is_flushed_by_the_caller() {
        let (sender, receiver) = mpsc::channel();
        let (mut writer, _flush) = start(ChannelWriter(sender));
        let large = vec![b'x'; BUFFER_MAX + 1];
        writer.write_all(&large).unwrap();
        assert_eq!(receiver.try_recv().unwrap(), large);
        writer.write_all(b"next\n").unwrap();
        assert_eq!(receiver.recv().unwrap(), b"next\n");
    }
}
