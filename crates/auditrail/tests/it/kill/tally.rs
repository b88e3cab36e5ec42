//! Compares the stored records with the acknowledged requests.

use std::collections::HashMap;
use std::fmt;
use std::ops::AddAssign;

use auditrail_testkit::http::Call;
use serde_json::Value;

use crate::kill::load::{Write, actor};
use crate::kill::victim::Stage;

/// How often each target is stored.
type Stored = HashMap<String, u64>;

/// The result of one round or several.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Acknowledged records, each of which must be stored once.
    pub(super) acknowledged: u64,
    /// Unacknowledged records that are stored.
    there: u64,
    /// Unacknowledged records that are not stored.
    absent: u64,
    /// Requests that were retried after the recovery.
    pub(super) repeated: u64,
}

impl Tally {
    /// Panics if an acknowledged record is missing, a record is stored twice, or a batch partially.
    pub(super) fn of(requests: &[Write], stored_counts: &Stored, seed: u64) -> Self {
        let mut tally = Self::default();
        for write in requests {
            let counts = write.targets.iter().map(|target| stored_counts.get(target).copied());
            let counts: Vec<u64> = counts.map(Option::unwrap_or_default).collect();
            let doubled = counts.iter().any(|count| *count > 1);
            assert!(!doubled, "seed {seed}: doubled: {counts:?} of {write:?}");
            let there = counts.iter().sum::<u64>();
            let all = counts.len() as u64;
            if write.is_acknowledged() {
                assert_eq!(there, all, "seed {seed}: acknowledged and missing: {write:?}");
                tally.acknowledged += all;
                continue;
            }
            let whole = there == 0 || there == all;
            assert!(whole || !write.is_atomic(), "seed {seed}: {there} of {all} of {write:?}");
            tally.there += there;
            tally.absent += all - there;
        }
        tally
    }
}

/// Panics unless each acknowledged or repeatable record is stored once, and every stored record was sent.
pub(super) fn assert_stored_once(requests: &[Write], stored_counts: &Stored, seed: u64) {
    let mut remaining = stored_counts.clone();
    for write in requests {
        let required = write.is_acknowledged() || write.is_repeatable();
        for target in &write.targets {
            match remaining.remove(target) {
                Some(1) => {}
                None if !required => {}
                other => panic!("seed {seed}: {target} is stored {other:?} times: {write:?}"),
            }
        }
    }
    assert!(remaining.is_empty(), "seed {seed}: never sent: {remaining:?}");
}

/// Exports the records of a round and counts them by target.
pub(super) async fn stored(stage: &Stage, seed: u64) -> Stored {
    let path = format!("/v1/audit-logs/export?format=ndjson&actor_id={}", actor(seed));
    let export = Call::new(stage.address(), "GET", &path).key(stage.key()).send().await;
    assert_eq!(export.status.as_u16(), 200, "{export:?}");
    let text = std::str::from_utf8(&export.body).unwrap();
    let mut stored_counts = Stored::new();
    // The last line is the manifest.
    let (records, manifest) = text.trim_end().rsplit_once('\n').unwrap_or(("", text));
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        *stored_counts.entry(record["target_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(!manifest.contains("target_id"), "the export has no manifest: {manifest}");
    stored_counts
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        let Self { acknowledged, there, absent, repeated } = other;
        self.acknowledged += acknowledged;
        self.there += there;
        self.absent += absent;
        self.repeated += repeated;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, there, absent, repeated } = self;
        write!(
            f,
            "{acknowledged} records acknowledged, 0 of them missing; not acknowledged: {there} \
             there, {absent} not; 0 doubled; {repeated} requests repeated"
        )
    }
}
