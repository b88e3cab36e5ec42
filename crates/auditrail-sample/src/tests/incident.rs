//! The incident can be found, and no other record looks like it.

use std::collections::HashSet;

use super::super::{INCIDENT_MIN_RECORDS, Incident, Sample, SampleRecord};

fn by_thief<'a>(
    records: &'a [SampleRecord],
    incident: &Incident,
) -> impl Iterator<Item = &'a SampleRecord> {
    let address = incident.address;
    records.iter().filter(move |record| record.ip_address.as_deref() == Some(address))
}

#[test]
fn incident_is_in_every_sample_of_sufficient_size() {
    for (seed, size) in [(1, INCIDENT_MIN_RECORDS), (2, 300), (3, 1000), (4, 20_000), (5, 100_000)]
    {
        let sample = Sample::new(seed, size);
        let incident = sample.incident().unwrap();
        let records: Vec<_> = sample.iter().collect();
        let secrets: HashSet<_> =
            by_thief(&records, &incident).map(|record| record.target_id.clone()).collect();
        assert_eq!(secrets.len() as u64, incident.secrets_read);
        for record in by_thief(&records, &incident) {
            assert_eq!(
                (record.actor_id.as_str(), record.action),
                (incident.key, "secret.accessed")
            );
            assert!((incident.night_start..incident.night_end).contains(&record.created_at));
        }
        assert_eq!(rotated_in_the_morning(&records, &incident), secrets);
        assert_eq!(
            happened_to(&records, incident.key),
            ["key.created", "alert.raised", "key.revoked"]
        );
    }
}

#[test]
fn thief_has_distinct_address_agent_and_key() {
    let sample = Sample::new(1, 50_000);
    let incident = sample.incident().unwrap();
    for record in &sample {
        let signs = [
            record.actor_id == incident.key,
            record.ip_address.as_deref().is_some_and(|ip| ip.starts_with("203.0.113.")),
            record.user_agent.as_deref() == Some(incident.user_agent),
        ];
        assert!(signs == [true; 3] || signs == [false; 3], "{record:?}");
    }
}

#[test]
fn developer_loses_role_after_key_is_revoked() {
    let sample = Sample::new(1, 5_000);
    let incident = sample.incident().unwrap();
    let records: Vec<_> = sample.iter().collect();
    let at = |found: &dyn Fn(&SampleRecord) -> bool| records.iter().position(found).unwrap();
    let published = at(&|record| record.action == "repository.published");
    let revoked = at(&|record| record.action == "key.revoked" && record.target_id == incident.key);
    let demoted = at(&|record| {
        record.action == "user.role_changed"
            && record.target_id == incident.developer
            && record.metadata["to"] == "viewer"
            && record.actor_id == incident.responder
    });
    assert!(published < revoked && revoked < demoted);
    assert_eq!(records[published].actor_id, incident.developer);
}

#[test]
fn small_sample_has_no_incident() {
    let sample = Sample::new(1, INCIDENT_MIN_RECORDS - 1);
    assert_eq!(sample.incident(), None);
    assert!(sample.iter().all(|record| record.action != "alert.raised"));
}

fn rotated_in_the_morning(records: &[SampleRecord], incident: &Incident) -> HashSet<String> {
    let exposed = records.iter().filter(|record| {
        record.metadata.get("exposed_to").is_some_and(|key| key == incident.key)
            && record.created_at > incident.night_end
    });
    exposed.map(|record| record.target_id.clone()).collect()
}

fn happened_to(records: &[SampleRecord], target: &str) -> Vec<&'static str> {
    let found = records.iter().filter(|record| record.target_id == target);
    found.map(|record| record.action).collect()
}
