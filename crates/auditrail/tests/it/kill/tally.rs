//! What is there, against what was acknowledged.

use std::collections::HashMap;
use std::fmt;
use std::ops::AddAssign;

use auditrail_testkit::http::Call;
use serde_json::Value;

use crate::kill::load::{Write, actor};
use crate::kill::victim::Stage;

/// How often each target is there.
type Found = HashMap<String, u64>;

/// Records of a round, or of several.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Records that were acknowledged. Each is there once, or the test fails.
    pub(super) acknowledged: u64,
    /// Records of requests that were not acknowledged and are there, once.
    there: u64,
    /// Records of requests that were not acknowledged and are not there.
    absent: u64,
    /// Requests that were sent again after all was up, and were acknowledged then.
    pub(super) repeated: u64,
}

impl Tally {
    /// Compares; panics over a record that is missing, or there twice, or over half a batch.
    pub(super) fn of(written: &[Write], found: &Found, seed: u64) -> Self {
        let mut tally = Self::default();
        for write in written {
            let counts = write.targets.iter().map(|target| found.get(target).copied());
            let counts: Vec<u64> = counts.map(Option::unwrap_or_default).collect();
            let doubled = counts.iter().any(|count| *count > 1);
            assert!(!doubled, "seed {seed}: doubled: {counts:?} of {write:?}");
            let (there, all) = (counts.iter().sum::<u64>(), counts.len() as u64);
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

/// Panics unless each record that was acknowledged, or could be repeated, is there once, and nothing
/// is there that nobody has sent.
pub(super) fn all_there_once(written: &[Write], found: &Found, seed: u64) {
    let mut left = found.clone();
    for write in written {
        let surely = write.is_acknowledged() || write.is_repeatable();
        for target in &write.targets {
            match left.remove(target) {
                Some(1) => {}
                None if !surely => {}
                other => panic!("seed {seed}: {target} is there {other:?} times: {write:?}"),
            }
        }
    }
    assert!(left.is_empty(), "seed {seed}: nobody sent {left:?}");
}

/// Counts the records of a round by their targets, in an export of them all.
pub(super) async fn stored(stage: &Stage, seed: u64) -> Found {
    let path = format!("/v1/audit-logs/export?format=ndjson&actor_id={}", actor(seed));
    let export = Call::new(stage.address(), "GET", &path).key(stage.key()).send().await;
    assert_eq!(export.status.as_u16(), 200, "{export:?}");
    let text = std::str::from_utf8(&export.body).unwrap();
    let mut found = Found::new();
    // The last line is the manifest.
    let (records, manifest) = text.trim_end().rsplit_once('\n').unwrap_or(("", text));
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        *found.entry(record["target_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(!manifest.contains("target_id"), "the export has no end: {manifest}");
    found
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
