//! Configuration of a recorder.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use auditrail_core::{Action, ActionFilter, FailurePolicy};

use super::lost::{Lost, OnLost};
use super::open_error::OpenError;

/// Configuration of a recorder. Everything has a default; usually only the spool directory and the
/// `must` actions are set.
///
/// ```
/// use auditrail_client::RecorderConfig;
/// use auditrail_core::FailurePolicy;
///
/// let config = RecorderConfig::new()
///     .spool("/var/lib/myapp/audit-spool")
///     .action("key.*", FailurePolicy::Must)
///     .action("page.viewed", FailurePolicy::BestEffort);
/// # drop(config);
/// ```
#[derive(Clone)]
#[must_use]
pub struct RecorderConfig {
    pub(super) failure: Option<FailurePolicy>,
    pub(super) actions: Vec<(String, FailurePolicy)>,
    pub(super) spool: Option<PathBuf>,
    pub(super) spool_max_bytes: u64,
    pub(super) dead_letters_max_bytes: u64,
    pub(super) queue_max_records: usize,
    pub(super) queue_max_bytes: usize,
    pub(super) batch_max_records: usize,
    pub(super) batch_max_bytes: usize,
    pub(super) linger: Duration,
    pub(super) must_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) retry_base: Duration,
    pub(super) retry_cap: Duration,
    pub(super) on_lost: Option<OnLost>,
}

const MIB: usize = 1024 * 1024;
/// Maximum records of a request; the limit of the service.
const BATCH_MAX_RECORDS: usize = 10_000;
/// Maximum bytes of a request; the limit of the service less brackets and commas.
const BATCH_MAX_BYTES: usize = 15 * MIB;

impl Default for RecorderConfig {
    fn default() -> Self {
        Self {
            failure: None,
            actions: Vec::new(),
            spool: None,
            spool_max_bytes: 256 * MIB as u64,
            dead_letters_max_bytes: 64 * MIB as u64,
            queue_max_records: 10_000,
            queue_max_bytes: 16 * MIB,
            batch_max_records: 500,
            batch_max_bytes: MIB,
            linger: Duration::from_secs(1),
            must_timeout: Duration::from_secs(10),
            // Longer than the write timeout of the service, 10 s.
            request_timeout: Duration::from_secs(15),
            retry_base: Duration::from_millis(100),
            retry_cap: Duration::from_secs(30),
            on_lost: None,
        }
    }
}

impl RecorderConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the default policy. Default: `spool` if there is a spool directory, else `must`.
    pub fn failure(self, policy: FailurePolicy) -> Self {
        Self { failure: Some(policy), ..self }
    }

    /// Sets the policy of an action, or of all actions with a prefix: `project.*` matches every
    /// action that starts with `project.`. The exact action takes precedence over prefixes, a
    /// longer prefix over a shorter one.
    pub fn action(mut self, pattern: impl Into<String>, policy: FailurePolicy) -> Self {
        self.actions.push((pattern.into(), policy));
        self
    }

    /// Sets the spool directory: used by this recorder only, on a local disk. It is created if it
    /// does not exist, and made accessible to its owner only.
    #[cfg(feature = "spool")]
    pub fn spool(self, directory: impl Into<PathBuf>) -> Self {
        Self { spool: Some(directory.into()), ..self }
    }

    /// Maximum bytes of the records in the spool, including an overhead of 64 bytes each. Default
    /// 256 MiB. The file takes up to three times as much.
    pub fn spool_max_bytes(self, bytes: u64) -> Self {
        Self { spool_max_bytes: bytes, ..self }
    }

    /// Maximum bytes of `refused.ndjson`, the file of refused and invalid records in the spool directory.
    /// Default 64 MiB. Once it is full, further ones are counted in
    /// [`Stats::dead_letters_dropped`](super::Stats::dead_letters_dropped) and not kept; the file can be moved
    /// away at any time.
    pub fn dead_letters_max_bytes(self, bytes: u64) -> Self {
        Self { dead_letters_max_bytes: bytes, ..self }
    }

    /// Maximum records in memory, all policies together. Default 10,000.
    pub fn queue_max_records(self, records: usize) -> Self {
        Self { queue_max_records: records, ..self }
    }

    /// Maximum bytes of records in memory, as JSON text. Default 16 MiB.
    pub fn queue_max_bytes(self, bytes: usize) -> Self {
        Self { queue_max_bytes: bytes, ..self }
    }

    /// Maximum records of a request: 1 to 10,000. Default 500.
    pub fn batch_max_records(self, records: usize) -> Self {
        Self { batch_max_records: records, ..self }
    }

    /// Maximum bytes of a request with more than one record: 1 byte to 15 MiB. Default 1 MiB.
    pub fn batch_max_bytes(self, bytes: usize) -> Self {
        Self { batch_max_bytes: bytes, ..self }
    }

    /// How long a record waits for a batch to fill; `must` records do not wait. Default 1 s.
    pub fn linger(self, linger: Duration) -> Self {
        Self { linger, ..self }
    }

    /// How long `record` retries a `must` record before it fails. Default 10 s.
    pub fn must_timeout(self, timeout: Duration) -> Self {
        Self { must_timeout: timeout, ..self }
    }

    /// Timeout of a request. Default 15 s; the service itself times out after 10 s.
    pub fn request_timeout(self, timeout: Duration) -> Self {
        Self { request_timeout: timeout, ..self }
    }

    /// Bounds of the first and of the longest pause between retries (full jitter). Default 100 ms
    /// and 30 s.
    pub fn retry(self, base: Duration, cap: Duration) -> Self {
        Self { retry_base: base, retry_cap: cap, ..self }
    }

    /// Sets a callback for each record that is rejected or dropped, in addition to the log. It is called on any thread and
    /// must not block; a panic in it is caught.
    pub fn on_lost(self, callback: impl Fn(&Lost<'_>) + Send + Sync + 'static) -> Self {
        Self { on_lost: Some(Arc::new(callback)), ..self }
    }

    /// Validates the settings.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let out_of_range = |name, range| Err(OpenError::Config { name, range });
        if self.spool_max_bytes == 0 || self.queue_max_records == 0 || self.queue_max_bytes == 0 {
            return out_of_range("a limit of the queue or the spool", "at least 1");
        }
        if !(1..=BATCH_MAX_RECORDS).contains(&self.batch_max_records) {
            return out_of_range("batch_max_records", "1 to 10,000");
        }
        if !(1..=BATCH_MAX_BYTES).contains(&self.batch_max_bytes) {
            return out_of_range("batch_max_bytes", "1 to 15 MiB");
        }
        let durations = [self.must_timeout, self.request_timeout, self.retry_base, self.retry_cap];
        if durations.iter().any(Duration::is_zero) {
            return out_of_range("a timeout or a pause", "greater than zero");
        }
        for (pattern, _) in &self.actions {
            pattern
                .parse::<ActionFilter>()
                .map_err(|source| OpenError::Action { pattern: pattern.clone(), source })?;
        }
        let mut policies = self.actions.iter().map(|(_, policy)| *policy).chain(self.failure);
        if self.spool.is_none() && policies.any(|policy| policy == FailurePolicy::Spool) {
            return Err(OpenError::NoSpool);
        }
        Ok(())
    }

    /// The policy of an action.
    pub(super) fn policy_of(&self, action: &Action) -> FailurePolicy {
        let mut best: Option<(usize, FailurePolicy)> = None;
        for (pattern, policy) in &self.actions {
            if pattern == action.as_str() {
                return *policy;
            }
            let prefix = pattern.strip_suffix('*').filter(|prefix| prefix.ends_with('.'));
            let matches = prefix.is_some_and(|prefix| action.as_str().starts_with(prefix));
            if matches && best.is_none_or(|(length, _)| pattern.len() > length) {
                best = Some((pattern.len(), *policy));
            }
        }
        best.map_or_else(|| self.default_policy(), |(_, policy)| policy)
    }

    fn default_policy(&self) -> FailurePolicy {
        let default = if self.spool.is_some() { FailurePolicy::Spool } else { FailurePolicy::Must };
        self.failure.unwrap_or(default)
    }
}

impl fmt::Debug for RecorderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecorderConfig")
            .field("failure", &self.failure)
            .field("actions", &self.actions)
            .field("spool", &self.spool)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(config: &RecorderConfig, action: &str) -> FailurePolicy {
        config.policy_of(&action.parse().unwrap())
    }

    #[test]
    fn exact_action_precedes_longest_prefix_precedes_default() {
        let config = RecorderConfig::new()
            .failure(FailurePolicy::BestEffort)
            .action("a.b.*", FailurePolicy::Must)
            .action("a.*", FailurePolicy::BestEffort)
            .action("a.b.c", FailurePolicy::Spool);
        assert_eq!(policy(&config, "a.b.c"), FailurePolicy::Spool);
        assert_eq!(policy(&config, "a.b.d"), FailurePolicy::Must);
        assert_eq!(policy(&config, "a.d"), FailurePolicy::BestEffort);
        assert_eq!(policy(&config, "ab.d"), FailurePolicy::BestEffort);
    }

    #[test]
    fn without_a_spool_the_default_is_must_and_spool_is_rejected() {
        let config = RecorderConfig::new();
        assert_eq!(policy(&config, "a.b"), FailurePolicy::Must);
        assert!(config.check().is_ok());
        let spool = RecorderConfig::new().action("a.*", FailurePolicy::Spool);
        assert!(matches!(spool.check(), Err(OpenError::NoSpool)));
    }

    #[test]
    fn check_rejects_invalid_settings() {
        let new = RecorderConfig::new;
        for config in [
            new().queue_max_records(0),
            new().queue_max_bytes(0),
            new().spool_max_bytes(0),
            new().batch_max_records(10_001),
            new().batch_max_bytes(0),
            new().must_timeout(Duration::ZERO),
            new().retry(Duration::ZERO, Duration::ZERO),
            new().action("*", FailurePolicy::Must),
        ] {
            assert!(config.check().is_err(), "{config:?}");
        }
    }
}
