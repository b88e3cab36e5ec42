use std::collections::HashMap;

use auditrail_core::{Action, Actor, CreateInput, ProvidedFields, Record, RecordId, RecordTime};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Attempt, OnConflict, WriteOutcome, WriteRequest, classify};

/// A record with one of few ids and contents, so that collisions are frequent.
fn record(id: u8, content: u8) -> Record {
    let actor = Actor::user(&format!("u{content}")).unwrap();
    let input = CreateInput::new(actor, Action::ProjectCreated, "project:p1".parse().unwrap());
    input.into_record(key(id), RecordTime::from_unix_micros(0).unwrap())
}

fn key(id: u8) -> RecordId {
    Uuid::from_u128(id.into()).into()
}

fn requests() -> impl Strategy<Value = Vec<(Vec<(u8, u8)>, bool)>> {
    let records = prop::collection::vec((0..6_u8, 0..2_u8), 1..5);
    prop::collection::vec((records, any::<bool>()), 1..8)
}

/// The effect of one request on a table, one row at a time.
fn one_by_one(
    table: &mut HashMap<u8, u8>,
    records: &[(u8, u8)],
    refuse: bool,
) -> Result<WriteOutcome, Vec<usize>> {
    let before = table.clone();
    let mut outcome = WriteOutcome::default();
    for (index, (id, content)) in records.iter().enumerate() {
        match table.get(id) {
            None => outcome.created.push(index),
            Some(stored) if stored == content => outcome.duplicates.push(index),
            Some(_) => outcome.conflicts.push(index),
        }
        table.entry(*id).or_insert(*content);
    }
    if refuse && !outcome.conflicts.is_empty() {
        *table = before;
        return Err(outcome.conflicts);
    }
    Ok(outcome)
}

fn request(records: &[(u8, u8)], refuse: bool) -> WriteRequest {
    let records: Vec<_> = records.iter().map(|(id, content)| record(*id, *content)).collect();
    let on_conflict = if refuse { OnConflict::Refuse } else { OnConflict::Skip };
    let provided = vec![ProvidedFields::ALL; records.len()];
    WriteRequest::new(records, provided, on_conflict)
}

proptest! {
    #[test]
    fn group_equals_its_requests_one_by_one(
        stored in prop::collection::hash_map(0..6_u8, 0..2_u8, 0..4),
        requests in requests(),
    ) {
        let mut table = stored.clone();
        let expected: Vec<_> =
            requests.iter().map(|(records, refuse)| one_by_one(&mut table, records, *refuse)).collect();
        let write_requests: Vec<_> = requests.iter().map(|(r, refuse)| request(r, *refuse)).collect();
        let attempts: Vec<_> = write_requests.iter().map(|r| Attempt { request: r, sent: false }).collect();
        let all: Vec<(u8, u8)> = requests.iter().flat_map(|(r, _)| r.clone()).collect();
        let stored_classes: Vec<_> =
            all.iter().map(|(id, content)| stored.get(id).map(|c| c == content)).collect();
        let classified = classify(&attempts, &stored_classes);
        prop_assert_eq!(classified.verdicts, expected);
        let mut table_after = stored;
        for index in classified.new {
            let (id, content) = all[index];
            prop_assert!(table_after.insert(id, content).is_none(), "an id is written twice");
        }
        prop_assert_eq!(table_after, table);
    }
}

#[test]
fn stored_records_of_a_lost_attempt_are_claimed_once() {
    let one = request(&[(1, 0), (2, 0)], true);
    let same = request(&[(1, 0)], true);
    let attempts = [Attempt { request: &one, sent: true }, Attempt { request: &same, sent: true }];
    let classified = classify(&attempts, &[Some(true), Some(true), Some(true)]);
    let created = WriteOutcome { created: vec![0, 1], ..WriteOutcome::default() };
    let duplicate = WriteOutcome { duplicates: vec![0], ..WriteOutcome::default() };
    assert_eq!(classified.verdicts, [Ok(created), Ok(duplicate)]);
    assert_eq!(classified.new, [0; 0]);
}

#[test]
fn refused_request_releases_its_claims() {
    let refused = request(&[(1, 0), (2, 0)], true);
    let next = request(&[(1, 0)], true);
    let attempts =
        [Attempt { request: &refused, sent: true }, Attempt { request: &next, sent: true }];
    let classified = classify(&attempts, &[Some(true), Some(false), Some(true)]);
    let created = WriteOutcome { created: vec![0], ..WriteOutcome::default() };
    assert_eq!(classified.verdicts, [Err(vec![1]), Ok(created)]);
}
