//! Metrics of the process, under the standard names of Prometheus clients.

use std::{fmt, fs};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::{gauge, to_float};
use crate::clock;

/// Reads the state of the process at each scrape.
#[derive(Debug)]
pub(super) struct ProcessMetrics {
    /// In seconds since 1970.
    started: f64,
}

impl ProcessMetrics {
    /// Uses the current time as the start time.
    pub(super) fn started_now() -> Self {
        let seconds = u64::try_from(clock::now().as_second()).unwrap_or_default();
        Self { started: to_float(seconds) }
    }
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Start time of the process, in seconds since 1970.";
        gauge(&mut encoder, "process_start_time_seconds", help, self.started)?;
        // Only on Linux; the metric is absent elsewhere.
        if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().and_then(resident_bytes) {
            let help = "Resident memory of the process.";
            gauge(&mut encoder, "process_resident_memory_bytes", help, to_float(bytes))?;
        }
        Ok(())
    }
}

/// The line `VmRSS:   12345 kB` of `/proc/self/status` (proc(5)), in bytes.
#[expect(clippy::needless_pass_by_value, reason = "it is the argument of and_then")]
fn resident_bytes(status: String) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_parsed_from_proc_status() {
        let status = "Name:\tauditrail\nVmPeak:\t  99 kB\nVmRSS:\t   1234 kB\nThreads:\t3\n";
        assert_eq!(resident_bytes(status.to_owned()), Some(1_234 * 1_024));
        assert_eq!(resident_bytes("Name:\tauditrail\n".to_owned()), None);
        assert_eq!(resident_bytes("VmRSS:\tmuch kB\n".to_owned()), None);
    }
}
