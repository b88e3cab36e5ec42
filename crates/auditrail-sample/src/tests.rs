//! Properties of every sample.

mod cloudtrail;
mod incident;

use std::collections::{HashMap, HashSet};

use jiff::civil::{Date, date};
use sha2::{Digest, Sha256};

use super::{DAYS, Sample, SampleRecord};

fn thousand_lines(write: impl Fn(&Sample, &mut Vec<u8>) -> std::io::Result<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&Sample::new(1, 1000), &mut bytes).unwrap();
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// After an intended change of the sample, update the hashes and note it in the changelog: imported samples
/// get other ids.
#[test]
fn output_of_a_seed_never_changes() {
    let ndjson = thousand_lines(|sample, to| sample.write_ndjson(to));
    let cloudtrail = thousand_lines(|sample, to| sample.write_cloudtrail(to));
    assert_eq!(sha256(&ndjson), "8832bb2bf0d73f8becb8cdda0005d29301f9b4d5fd09163fe9b96534bfcd951f");
    assert_eq!(
        sha256(&cloudtrail),
        "17fa4ed70263a1c707f65189dcc1daec280d9c2f9c2e1b4d1069a9ca11ab7be5"
    );
}

#[test]
fn other_seed_gives_other_month() {
    let one = Sample::new(1, 500).iter().collect::<Vec<_>>();
    let two = Sample::new(2, 500).iter().collect::<Vec<_>>();
    assert_eq!(one, Sample::new(1, 500).iter().collect::<Vec<_>>());
    assert_ne!(one, two);
}

#[test]
fn number_of_records_is_exact() {
    for records in [0, 1, 2, 3, 10, 199, 200, 201, 999, 1000, 12_345] {
        let sample = Sample::new(7, records);
        assert_eq!(sample.iter().size_hint().0 as u64, records);
        assert_eq!(sample.iter().count() as u64, records);
    }
}

#[test]
fn times_ascend_and_fill_the_month() {
    for (records, first_day) in [(50, date(1970, 1, 1)), (30_000, date(2026, 3, 1))] {
        let sample = Sample::new(3, records).starting(first_day).unwrap();
        let times: Vec<_> = sample.iter().map(|record| record.created_at).collect();
        assert!(times.is_sorted());
        assert!(times.iter().all(|at| (sample.start()..sample.end()).contains(at)));
        let days: HashSet<_> = times.iter().map(|at| at.strftime("%F").to_string()).collect();
        if records > 1000 {
            assert_eq!(days.len(), usize::from(DAYS));
        }
    }
}

#[test]
fn month_out_of_range_is_refused() {
    for first_day in [Date::MIN, date(1969, 12, 31), date(9999, 12, 1), Date::MAX] {
        let error = Sample::new(1, 1).starting(first_day).unwrap_err();
        assert!(error.to_string().contains("cannot start on"), "{error}");
    }
}

#[test]
fn ids_are_distinct_version_7_of_their_time() {
    let mut seen = HashSet::new();
    for record in &Sample::new(5, 50_000) {
        assert_eq!(record.id.get_version_num(), 7);
        let (seconds, nanos) = record.id.get_timestamp().unwrap().to_unix();
        let millis = seconds * 1000 + u64::from(nanos) / 1_000_000;
        assert_eq!(i128::from(millis), i128::from(record.created_at.as_millisecond()));
        assert!(seen.insert(record.id));
    }
}

#[test]
fn values_are_within_schema_limits() {
    for record in &Sample::new(11, 40_000) {
        let SampleRecord { actor_id, actor_type, action, target_type, target_id, .. } = &record;
        for (text, limit) in [
            (actor_id.as_str(), 500),
            (action, 100),
            (target_type, 50),
            (target_id, 500),
            (record.tenant_id, 200),
            (&record.request_id, 200),
            (record.user_agent.as_deref().unwrap_or("none"), 1024),
        ] {
            assert!((1..=limit).contains(&text.chars().count()), "{text}");
            assert!(!text.chars().any(char::is_control), "{text}");
        }
        assert!(["user", "api_key", "system"].contains(actor_type));
        assert_eq!(*actor_type == "system", actor_id == "system");
        assert!(action.split('.').count() == 2);
        assert!(serde_json::to_string(&record.metadata).unwrap().len() < 512);
        if let Some(address) = &record.ip_address {
            assert!(is_reserved(address), "{address}");
        }
    }
}

/// Whether an address is of a documentation or private network.
fn is_reserved(address: &str) -> bool {
    address.parse::<std::net::IpAddr>().is_ok()
        && ["192.0.2.", "198.51.100.", "203.0.113.", "10.", "2001:db8:"]
            .iter()
            .any(|network| address.starts_with(network))
}

#[test]
fn actors_and_targets_are_skewed() {
    let records: Vec<_> = Sample::new(1, 60_000).iter().collect();
    let actors = counts(records.iter().map(|record| record.actor_id.as_str()));
    let targets = counts(records.iter().map(|record| record.target_id.as_str()));

    let busiest: u64 = actors.iter().take(10).sum();
    assert!(actors.len() > 40);
    assert!((550..850).contains(&(busiest * 1000 / 60_000)), "{busiest}");
    let once = targets.iter().filter(|count| **count == 1).count();
    assert!(targets.len() > 5_000, "{}", targets.len());
    assert!(once * 100 / targets.len() > 40, "{once} of {}", targets.len());
    let most_wanted: u64 = targets.iter().take(targets.len() / 20).sum();
    assert!(most_wanted * 100 / 60_000 > 50, "{most_wanted}");
}

#[test]
fn activity_has_bursts_on_weekdays() {
    let records: Vec<_> = Sample::new(1, 60_000).iter().collect();
    let slots = counts(records.iter().map(|record| record.created_at.as_second() / 300));
    let busiest: u64 = slots.iter().take(slots.len() / 20).sum();
    assert!(busiest * 100 / 60_000 > 20, "{busiest}");

    let people = records.iter().filter(|record| record.actor_type == "user");
    let weekdays = counts_by(people.map(|record| record.created_at.strftime("%a").to_string()));
    assert!(weekdays["Wed"] > 3 * weekdays["Sun"], "{weekdays:?}");
}

#[test]
fn records_of_a_request_share_actor_address_and_time() {
    let mut requests: HashMap<String, Vec<SampleRecord>> = HashMap::new();
    for record in &Sample::new(1, 20_000) {
        requests.entry(record.request_id.clone()).or_default().push(record);
    }
    let shared = requests.values().filter(|records| records.len() > 1).count();
    assert!(shared > 1_000, "{shared}");
    for records in requests.values() {
        let (first, last) = (&records[0], &records[records.len() - 1]);
        assert!(records.iter().all(|record| record.actor_id == first.actor_id));
        assert!(records.iter().all(|record| record.ip_address == first.ip_address));
        assert!(last.created_at.duration_since(first.created_at).as_secs() < 2);
    }
}

/// How often each value occurs, the most frequent first.
fn counts<T: Eq + std::hash::Hash>(values: impl Iterator<Item = T>) -> Vec<u64> {
    let mut counts: Vec<_> = counts_by(values).into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts
}

fn counts_by<T: Eq + std::hash::Hash>(values: impl Iterator<Item = T>) -> HashMap<T, u64> {
    let mut counts = HashMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}
