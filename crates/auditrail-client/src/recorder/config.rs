//! What a recorder can be told, and what it does untold.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use auditrail_core::{Action, ActionFilter, FailurePolicy};

use super::lost::Lost;
use super::open::OpenError;

/// What a recorder can be told. Every figure has a default, so most say two things: where the spool is,
/// and which actions are `must`.
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

/// Told of each record that is lost.
pub(super) type OnLost = Arc<dyn Fn(&Lost<'_>) + Send + Sync>;

const MIB: usize = 1024 * 1024;
/// Most records of a request: what the service takes.
const BATCH_MAX_RECORDS: usize = 10_000;
/// Most bytes of a request: what the service takes, less the brackets and commas.
const BATCH_MAX_BYTES: usize = 15 * MIB;

impl Default for RecorderConfig {
    fn default() -> Self {
        Self {
            failure: None,
            actions: Vec::new(),
            spool: None,
            spool_max_bytes: 256 * MIB as u64,
            queue_max_records: 10_000,
            queue_max_bytes: 16 * MIB,
            batch_max_records: 500,
            batch_max_bytes: MIB,
            linger: Duration::from_secs(1),
            must_timeout: Duration::from_secs(10),
            // The service gives up after 10 s.
            request_timeout: Duration::from_secs(15),
            retry_base: Duration::from_millis(100),
            retry_cap: Duration::from_secs(30),
            on_lost: None,
        }
    }
}

impl RecorderConfig {
    /// Every default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The policy of records that have no other. Default: `spool` where there is one, else `must`.
    pub fn failure(self, policy: FailurePolicy) -> Self {
        Self { failure: Some(policy), ..self }
    }

    /// The policy of an action: of exactly this one, or with `project.*` of every action that starts with
    /// `project.`. The exact one counts before prefixes, and of these the longest.
    pub fn action(mut self, pattern: impl Into<String>, policy: FailurePolicy) -> Self {
        self.actions.push((pattern.into(), policy));
        self
    }

    /// Where the policy `spool` keeps records: a directory for this alone, on a local disk. It is made where
    /// it is missing, and its rights are set to its owner alone.
    #[cfg(feature = "spool")]
    pub fn spool(self, directory: impl Into<PathBuf>) -> Self {
        Self { spool: Some(directory.into()), ..self }
    }

    /// Most bytes of the records in the spool, each counted with 64 bytes for its place. Default 256 MiB. The
    /// file takes up to three times as much.
    pub fn spool_max_bytes(self, bytes: u64) -> Self {
        Self { spool_max_bytes: bytes, ..self }
    }

    /// Most records in memory, of all policies together. Default 10,000.
    pub fn queue_max_records(self, records: usize) -> Self {
        Self { queue_max_records: records, ..self }
    }

    /// Most bytes of records in memory, as JSON text. Default 16 MiB.
    pub fn queue_max_bytes(self, bytes: usize) -> Self {
        Self { queue_max_bytes: bytes, ..self }
    }

    /// Most records of a request: 1 to 10,000. Default 500.
    pub fn batch_max_records(self, records: usize) -> Self {
        Self { batch_max_records: records, ..self }
    }

    /// Most bytes of a request, unless it is a single record: 1 byte to 15 MiB. Default 1 MiB.
    pub fn batch_max_bytes(self, bytes: usize) -> Self {
        Self { batch_max_bytes: bytes, ..self }
    }

    /// How long a record may wait for company; `must` does not. Default 1 s.
    pub fn linger(self, linger: Duration) -> Self {
        Self { linger, ..self }
    }

    /// How long a `must` record may take to be acknowledged. Default 10 s.
    pub fn must_timeout(self, timeout: Duration) -> Self {
        Self { must_timeout: timeout, ..self }
    }

    /// How long one request may take. Default 15 s: the service gives up after 10 s.
    pub fn request_timeout(self, timeout: Duration) -> Self {
        Self { request_timeout: timeout, ..self }
    }

    /// The first pause before a retry, of which chance takes its share, and the longest. Default 100 ms and
    /// 30 s.
    pub fn retry(self, base: Duration, cap: Duration) -> Self {
        Self { retry_base: base, retry_cap: cap, ..self }
    }

    /// Told of each record that was refused or given up, from whichever thread found out. It must not
    /// wait; a panic in it is caught.
    pub fn on_lost(self, told: impl Fn(&Lost<'_>) + Send + Sync + 'static) -> Self {
        Self { on_lost: Some(Arc::new(told)), ..self }
    }

    /// Refuses what makes no sense.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let out_of_range = |name, range| Err(OpenError::Config { name, range });
        if self.spool_max_bytes == 0 || self.queue_max_records == 0 || self.queue_max_bytes == 0 {
            return out_of_range("the bound of the queue or the spool", "at least 1");
        }
        if !(1..=BATCH_MAX_RECORDS).contains(&self.batch_max_records) {
            return out_of_range("batch_max_records", "1 to 10,000");
        }
        if !(1..=BATCH_MAX_BYTES).contains(&self.batch_max_bytes) {
            return out_of_range("batch_max_bytes", "1 to 15 MiB");
        }
        let needed = [self.must_timeout, self.request_timeout, self.retry_base, self.retry_cap];
        if needed.iter().any(Duration::is_zero) {
            return out_of_range("a timeout or a pause", "more than nothing");
        }
        for (pattern, _) in &self.actions {
            let parsed = pattern.parse::<ActionFilter>();
            parsed.map_err(|source| OpenError::Action { pattern: pattern.clone(), source })?;
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
            let fits = prefix.is_some_and(|prefix| action.as_str().starts_with(prefix));
            if fits && best.is_none_or(|(length, _)| pattern.len() > length) {
                best = Some((pattern.len(), *policy));
            }
        }
        best.map_or_else(|| self.default_policy(), |(_, policy)| policy)
    }

    fn default_policy(&self) -> FailurePolicy {
        let untold = if self.spool.is_some() { FailurePolicy::Spool } else { FailurePolicy::Must };
        self.failure.unwrap_or(untold)
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
    fn the_exact_action_counts_before_the_longest_prefix_before_the_default() {
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
    fn without_a_spool_records_are_must_and_spool_is_refused() {
        let config = RecorderConfig::new();
        assert_eq!(policy(&config, "a.b"), FailurePolicy::Must);
        assert!(config.check().is_ok());
        let spool = RecorderConfig::new().action("a.*", FailurePolicy::Spool);
        assert!(matches!(spool.check(), Err(OpenError::NoSpool)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
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
