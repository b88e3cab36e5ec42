//! Log lines, written together by a thread of their own.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered before they are written. A busy service writes some hundred lines at
/// once instead of each by itself, and a line is never later than this.
const GATHER: Duration = Duration::from_millis(5);
/// After how many times of [`GATHER`] without a line the thread waits for the next line to wake it up.
/// Until then a line costs no wake-up, which is dearer than the line itself.
const QUIET_MAX: u32 = 4;
/// Bytes that are gathered at most. A task that logs more waits until the lines are written, so that a
/// reader that has stopped reading costs no memory.
const GATHERED_MAX: usize = 1024 * 1024;

/// Gathers log lines for the thread that writes them. Cheap to clone.
#[derive(Clone)]
pub(super) struct LogWriter(Arc<Shared>);

/// Writes what is left when it is dropped.
pub(super) struct FlushOnDrop(Arc<Shared>);

struct Shared {
    gathered: Mutex<Gathered>,
    /// There is a line, and the thread waits.
    wake: Condvar,
    /// What lines are written to; locked while they are, and never together with `gathered` in the other
    /// order.
    to: Mutex<Box<dyn Write + Send>>,
}

#[derive(Default)]
struct Gathered {
    lines: Vec<u8>,
    /// Whether the thread looks at the lines by itself before long.
    is_watched: bool,
}

/// Starts the thread, which runs as long as the program.
pub(super) fn start(to: impl Write + Send + 'static) -> (LogWriter, FlushOnDrop) {
    let (gathered, wake) = (Mutex::default(), Condvar::new());
    let shared = Arc::new(Shared { gathered, wake, to: Mutex::new(Box::new(to)) });
    let writing = Arc::clone(&shared);
    let started = thread::Builder::new().name("log".to_owned()).spawn(move || {
        loop {
            writing.wait();
            writing.write_until_quiet();
        }
    });
    // Without the thread, lines are written when there are many, and at the end.
    drop(started);
    (LogWriter(Arc::clone(&shared)), FlushOnDrop(shared))
}

impl Shared {
    /// Waits for a line, if there is none.
    fn wait(&self) {
        let mut gathered = self.gathered();
        gathered.is_watched = !gathered.lines.is_empty();
        let waited = self.wake.wait_while(gathered, |gathered| !gathered.is_watched);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Writes lines at intervals, until there were none for a while.
    #[expect(clippy::disallowed_methods, reason = "it is time that gathers lines")]
    fn write_until_quiet(&self) {
        let mut quiet = 0;
        while quiet < QUIET_MAX {
            thread::sleep(GATHER);
            quiet = if self.flush() { 0 } else { quiet + 1 };
        }
    }

    /// Writes the lines in the order in which they came; `false` when there were none.
    fn flush(&self) -> bool {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut self.gathered().lines);
        if lines.is_empty() {
            return false;
        }
        // A log that cannot be written is no reason to stop.
        drop(to.write_all(&lines).and_then(|()| to.flush()));
        true
    }

    fn add(&self, line: &[u8]) {
        let mut gathered = self.gathered();
        gathered.lines.extend_from_slice(line);
        let is_full = gathered.lines.len() > GATHERED_MAX;
        let was_watched = std::mem::replace(&mut gathered.is_watched, true);
        drop(gathered);
        if is_full {
            self.flush();
        }
        if !was_watched {
            self.wake.notify_one();
        }
    }

    /// Nothing panics while it holds the lock.
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
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
        // Also when the thread waits again.
        while writer.0.gathered().is_watched {
            thread::yield_now();
        }
        writer.write_all(b"later\n").unwrap();
        assert_eq!(receiver.recv().unwrap(), b"later\n");
    }

    #[test]
    fn more_than_is_gathered_is_written_at_once_and_the_thread_goes_on() {
        let (sender, receiver) = mpsc::channel();
        let (mut writer, _flush) = start(Sent(sender));
        let large = vec![b'x'; GATHERED_MAX + 1];
        writer.write_all(&large).unwrap();
        assert_eq!(receiver.try_recv().unwrap(), large);
        writer.write_all(b"next\n").unwrap();
        assert_eq!(receiver.recv().unwrap(), b"next\n");
    }
}
