use std::collections::HashMap;

use auditrail_core::{Action, Actor, CreateInput, Record, RecordId, RecordTime};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Asked, OnConflict, WriteOutcome, WriteRequest, sort};

/// A record of one of a few ids and contents, so that they often meet.
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

/// What one request after the other would do to a table, one row at a time.
fn one_by_one(
    table: &mut HashMap<u8, u8>,
    records: &[(u8, u8)],
    refuse: bool,
) -> Result<WriteOutcome, Vec<usize>> {
    let before = table.clone();
    let mut outcome = WriteOutcome::default();
    for (place, (id, content)) in records.iter().enumerate() {
        match table.get(id) {
            None => outcome.created.push(place),
            Some(there) if there == content => outcome.duplicates.push(place),
            Some(_) => outcome.conflicts.push(place),
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
    let made: Vec<_> = records.iter().map(|(id, content)| record(*id, *content)).collect();
    let on_conflict = if refuse { OnConflict::Refuse } else { OnConflict::Skip };
    WriteRequest::new(made, vec![true; records.len()], on_conflict)
}

proptest! {
    #[test]
    fn a_group_is_sorted_as_if_its_requests_came_one_by_one(
        stored in prop::collection::hash_map(0..6_u8, 0..2_u8, 0..4),
        requests in requests(),
    ) {
        let mut table = stored.clone();
        let expected: Vec<_> =
            requests.iter().map(|(records, refuse)| one_by_one(&mut table, records, *refuse)).collect();
        let made: Vec<_> = requests.iter().map(|(r, refuse)| request(r, *refuse)).collect();
        let asked: Vec<_> = made.iter().map(|r| Asked { request: r, sent: false }).collect();
        let all: Vec<(u8, u8)> = requests.iter().flat_map(|(r, _)| r.clone()).collect();
        let there: Vec<_> =
            all.iter().map(|(id, content)| stored.get(id).map(|c| c == content)).collect();
        let sorted = sort(&asked, &there);
        prop_assert_eq!(sorted.verdicts, expected);
        let mut written = stored;
        for place in sorted.new {
            let (id, content) = all[place];
            prop_assert!(written.insert(id, content).is_none(), "an id is written twice");
        }
        prop_assert_eq!(written, table);
    }
}

#[test]
fn what_was_sent_before_and_is_found_was_created_by_the_first_that_sent_it() {
    let one = request(&[(1, 0), (2, 0)], true);
    let same = request(&[(1, 0)], true);
    let asked = [Asked { request: &one, sent: true }, Asked { request: &same, sent: true }];
    let sorted = sort(&asked, &[Some(true), Some(true), Some(true)]);
    let created = WriteOutcome { created: vec![0, 1], ..WriteOutcome::default() };
    let duplicate = WriteOutcome { duplicates: vec![0], ..WriteOutcome::default() };
    assert_eq!(sorted.verdicts, [Ok(created), Ok(duplicate)]);
    assert_eq!(sorted.new, [0; 0]);
}

#[test]
fn what_a_refused_request_claimed_is_free_for_the_next() {
    let refused = request(&[(1, 0), (2, 0)], true);
    let next = request(&[(1, 0)], true);
    let asked = [Asked { request: &refused, sent: true }, Asked { request: &next, sent: true }];
    let sorted = sort(&asked, &[Some(true), Some(false), Some(true)]);
    let created = WriteOutcome { created: vec![0], ..WriteOutcome::default() };
    assert_eq!(sorted.verdicts, [Err(vec![1]), Ok(created)]);
}
