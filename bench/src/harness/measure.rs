//! Time and memory of a program, and statistics over rounds.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use xtask::error::{Error, Result};

/// The interval of memory samples.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(20);

/// Time and memory of one run of a program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    /// Peak memory in KiB; 0 if unknown.
    pub(crate) peak_kib: u64,
}

/// Runs `command` to its end without output; fails unless it exits with success.
pub(crate) fn run(mut command: Command) -> Result<Run> {
    let line = format!("{command:?}");
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child =
        quiet.spawn().map_err(|source| Error::NotStarted { line: line.clone(), source })?;
    let peak_kib = wait_and_sample(&mut child)?;
    let seconds = start.elapsed().as_secs_f64();
    let status = child.wait().map_err(Error::doing("wait for a program"))?;
    if status.success() {
        Ok(Run { seconds, peak_kib })
    } else {
        Err(Error::Failed { line, status })
    }
}

/// Waits for the end, and returns the peak memory. The kernel keeps a high-water mark, so a sample misses
/// only what is allocated after it.
fn wait_and_sample(child: &mut Child) -> Result<u64> {
    let mut peak = 0;
    while child.try_wait().map_err(Error::doing("wait for a program"))?.is_none() {
        peak = peak.max(peak_kib(child.id()));
        #[expect(clippy::disallowed_methods, reason = "a process offers no event to wait for")]
        thread::sleep(SAMPLE_INTERVAL);
    }
    Ok(peak)
}

/// Peak memory of a running process in KiB; 0 if unknown.
pub(crate) fn peak_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    status.ok().and_then(high_water).unwrap_or(0)
}

#[expect(clippy::needless_pass_by_value, reason = "it is the end of an Option's chain")]
fn high_water(status: String) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// KiB as MiB.
#[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
pub(crate) fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// The nearest-rank percentile of at least one figure, in ascending order.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank is between 1 and the number of figures, which is small"
)]
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = (sorted.len() as f64 * percent / 100.0).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Minimum, median and maximum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        };
        Self { min: sorted[0], median, max: sorted[sorted.len() - 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_even_count_is_the_midpoint() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
    }

    #[test]
    fn percentile_is_the_figure_of_its_rank() {
        let figures: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&figures, 99.0), 198.0);
        assert_eq!(percentile(&figures[..3], 99.0), 3.0);
        assert_eq!(percentile(&figures[..1], 50.0), 1.0);
    }

    #[test]
    fn high_water_mark_is_read_from_status() {
        let page = "Name:\tx\nVmHWM:\t   34567 kB\nVmRSS:\t 1 kB\n".to_owned();
        assert_eq!(high_water(page), Some(34_567));
        assert_eq!(high_water("Name:\tx\n".to_owned()), None);
    }

    #[test]
    fn failing_program_is_an_error() {
        let mut failing = Command::new("sh");
        failing.args(["-c", "exit 3"]);
        assert!(matches!(run(failing), Err(Error::Failed { .. })));
    }
}
