//! Progress of what takes longer than a moment, on stderr.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Output;

/// Where there is no terminal, a log gets a line this often.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// On a terminal the bar is drawn this often.
const DRAW_EVERY_HZ: u8 = 5;
/// Nothing is shown for what is over before that.
const WORTH_A_WORD: Duration = Duration::from_secs(1);

/// A bar on a terminal, now and then a line elsewhere, nothing when quiet.
#[derive(Debug)]
pub(crate) struct Meter {
    bar: ProgressBar,
    output: Output,
    begun: Instant,
    told: Instant,
}

impl Meter {
    /// Progress over `bytes` of input, or over an unknown amount.
    pub(crate) fn bytes(output: Output, bytes: Option<u64>) -> Self {
        let (bar, template) = match bytes {
            Some(bytes) => {
                (ProgressBar::new(bytes), "{bar:24} {bytes}/{total_bytes}  {msg}  eta {eta}")
            }
            None => (ProgressBar::no_length(), "{spinner} {bytes}  {msg}"),
        };
        Self::new(output, bar, template)
    }

    /// Progress over an unknown number of records.
    pub(crate) fn records(output: Output) -> Self {
        Self::new(output, ProgressBar::no_length(), "{spinner} {msg}")
    }

    fn new(output: Output, bar: ProgressBar, template: &str) -> Self {
        let terminal = std::io::stderr().is_terminal() && output.shows_progress();
        bar.set_draw_target(if terminal {
            ProgressDrawTarget::stderr_with_hz(DRAW_EVERY_HZ)
        } else {
            ProgressDrawTarget::hidden()
        });
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let now = Instant::now();
        Self { bar, output, begun: now, told: now }
    }

    /// Tells how far it is: `position` of the bytes, `records` so far.
    pub(crate) fn tell(&mut self, position: u64, records: u64) {
        let elapsed = self.begun.elapsed();
        if elapsed < WORTH_A_WORD {
            return;
        }
        let message = format!("{records} records, {}/s", rate(records, elapsed));
        if self.bar.is_hidden() {
            if self.told.elapsed() >= LINE_EVERY {
                self.told = Instant::now();
                self.output.note(&message);
            }
            return;
        }
        self.bar.set_message(message);
        self.bar.set_position(position);
    }

    /// Prints a line that does not tear the bar.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Takes the bar away; how long it took.
    pub(crate) fn finish(self) -> Duration {
        self.bar.finish_and_clear();
        self.begun.elapsed()
    }
}

/// Records a second, as a whole number.
pub(crate) fn rate(records: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    records.saturating_mul(1000) / millis.max(1)
}
