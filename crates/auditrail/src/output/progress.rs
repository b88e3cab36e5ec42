//! Progress of long operations, on stderr.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Output;

/// Interval of progress lines when stderr is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// Redraw rate of the bar on a terminal.
const DRAW_HZ: u8 = 5;
/// Operations shorter than this show no progress.
const SHOW_AFTER: Duration = Duration::from_secs(1);

/// Shows a bar on a terminal, a line every ten seconds elsewhere, and nothing when quiet.
#[derive(Debug)]
pub(crate) struct Meter {
    bar: ProgressBar,
    output: Output,
    started: Instant,
    last_line: Instant,
}

impl Meter {
    /// Progress over `bytes` of input, if the amount is known.
    pub(crate) fn bytes(output: Output, bytes: Option<u64>) -> Self {
        let (bar, template) = match bytes {
            Some(bytes) => {
                (ProgressBar::new(bytes), "{bar:24} {bytes}/{total_bytes}  {msg}  eta {eta}")
            }
            None => (ProgressBar::no_length(), "{spinner} {bytes}  {msg}"),
        };
        Self::new(output, bar, template)
    }

    /// Progress over a known number of entries of a log, which is also the position.
    pub(crate) fn entries(output: Output, entries: u64) -> Self {
        let template = "{bar:24} {pos}/{len}  {msg}  eta {eta}";
        Self::new(output, ProgressBar::new(entries), template)
    }

    /// Progress over an unknown number of records.
    pub(crate) fn records(output: Output) -> Self {
        Self::new(output, ProgressBar::no_length(), "{spinner} {msg}")
    }

    fn new(output: Output, bar: ProgressBar, template: &str) -> Self {
        let terminal = std::io::stderr().is_terminal() && output.shows_progress();
        bar.set_draw_target(if terminal {
            ProgressDrawTarget::stderr_with_hz(DRAW_HZ)
        } else {
            ProgressDrawTarget::hidden()
        });
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let now = Instant::now();
        Self { bar, output, started: now, last_line: now }
    }

    /// Shows the position in the input, in bytes, and the number of records so far.
    pub(crate) fn update(&mut self, position: u64, records: u64) {
        self.show(position, |elapsed| {
            format!("{}, {}/s", count(records, "record"), rate(records, elapsed))
        });
    }

    /// Shows how many records were looked at and removed so far.
    pub(crate) fn looked_at(&mut self, records: u64, removed: u64) {
        self.show(0, |elapsed| {
            let (looked, rate) = (count(records, "record"), rate(records, elapsed));
            format!("looked at {looked}, {rate}/s; removed {removed}")
        });
    }

    fn show(&mut self, position: u64, message: impl FnOnce(Duration) -> String) {
        let elapsed = self.started.elapsed();
        if elapsed < SHOW_AFTER {
            return;
        }
        if self.bar.is_hidden() {
            if self.last_line.elapsed() >= LINE_INTERVAL {
                self.last_line = Instant::now();
                self.output.note(&message(elapsed));
            }
            return;
        }
        self.bar.set_message(message(elapsed));
        self.bar.set_position(position);
    }

    /// Hides the bar while `print` prints.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Removes the bar and returns the elapsed time.
    pub(crate) fn finish(self) -> Duration {
        self.bar.finish_and_clear();
        self.started.elapsed()
    }
}

/// Operations shorter than this have no rate: it would be that of connecting.
const RATE_AFTER: Duration = Duration::from_secs(3);

/// A number of things, in the singular for one.
pub(crate) fn count(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{s}")
}

/// The rate of an operation, such as ` (1200/s)`; empty for short ones.
pub(crate) fn rate_in_parentheses(records: u64, elapsed: Duration) -> String {
    if elapsed < RATE_AFTER { String::new() } else { format!(" ({}/s)", rate(records, elapsed)) }
}

/// Records per second, rounded down.
fn rate(records: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    records.saturating_mul(1000) / millis.max(1)
}
