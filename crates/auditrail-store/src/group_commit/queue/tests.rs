//! When a free worker takes what waits, by a clock that stands still unless everybody waits.

use std::sync::Arc;
use std::time::Duration;

use auditrail_core::{Action, Actor, CreateInput, ProvidedFields, Record, RecordTime};
use tokio::time::Instant;
use uuid::Uuid;

use super::super::request::{OnConflict, WriteOutcome, WriteRequest};
use super::{LEAVE_FOR, LEAVE_RECORDS, Pending, Queue, WriterLimits};

fn record(n: u64) -> Record {
    let actor = Actor::user("u1").unwrap();
    let input = CreateInput::new(actor, Action::ProjectCreated, "project:p1".parse().unwrap());
    let id = Uuid::from_u128(n.into()).into();
    input.into_record(id, RecordTime::from_unix_micros(0).unwrap())
}

fn request(records: u64) -> WriteRequest {
    let records: Vec<_> = (0..records).map(record).collect();
    let provided = vec![ProvidedFields::ALL; records.len()];
    WriteRequest::new(records, provided, OnConflict::Refuse)
}

/// Queues requests of so many records each, and lets them come to wait.
async fn ask(queue: &Arc<Queue>, sizes: &[u64]) {
    for size in sizes {
        let (queue, request) = (Arc::clone(queue), request(*size));
        let deadline = Instant::now() + Duration::from_secs(3_600);
        let asked = tokio::spawn(async move { queue.submit(request, deadline).await });
        tokio::task::yield_now().await;
        drop(asked);
    }
}

/// What a worker takes next, as the number of records, and how long it waited for that.
async fn taken(queue: &Queue) -> (u64, Duration, Vec<Pending>) {
    let began = Instant::now();
    let group = queue.next_group().await.unwrap();
    let records = group.iter().map(|pending| pending.request.records.len() as u64).sum();
    (records, began.elapsed(), group)
}

fn queue() -> Arc<Queue> {
    Arc::new(Queue::new(WriterLimits::default()))
}

#[tokio::test(start_paused = true)]
async fn when_nothing_is_written_what_waits_is_taken_at_once() {
    let queue = queue();
    ask(&queue, &[1, 1]).await;
    let (records, waited, _group) = taken(&queue).await;
    assert_eq!((records, waited), (2, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_few_records_are_left_for_a_while_to_the_worker_that_writes() {
    let queue = queue();
    ask(&queue, &[1]).await;
    let (_, _, first) = taken(&queue).await;
    ask(&queue, &[1, 1]).await;
    let free = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { taken(&queue).await }
    });
    tokio::task::yield_now().await;
    assert!(!free.is_finished());
    // The worker that wrote comes back.
    queue.done(&first);
    let (records, waited, _group) = taken(&queue).await;
    assert_eq!((records, waited), (2, Duration::ZERO));
    // The other one has nothing, until there is more.
    tokio::time::advance(LEAVE_FOR * 2).await;
    assert!(!free.is_finished());
    ask(&queue, &[LEAVE_RECORDS]).await;
    assert_eq!(free.await.unwrap().0, LEAVE_RECORDS);
}

#[tokio::test(start_paused = true)]
async fn what_a_worker_does_not_come_back_for_is_taken_by_another() {
    let queue = queue();
    ask(&queue, &[1]).await;
    let _held_up = taken(&queue).await;
    ask(&queue, &[1]).await;
    let (records, waited, _group) = taken(&queue).await;
    assert_eq!(records, 1);
    // The clock of timers counts in milliseconds.
    assert!((LEAVE_FOR..=LEAVE_FOR * 2).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn enough_records_for_a_group_are_taken_at_once() {
    let queue = queue();
    ask(&queue, &[LEAVE_RECORDS * 2]).await;
    let _large = taken(&queue).await;
    ask(&queue, &[LEAVE_RECORDS - 1, 1]).await;
    let (records, waited, _group) = taken(&queue).await;
    assert_eq!((records, waited), (LEAVE_RECORDS, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn what_waits_at_the_end_is_taken_at_once() {
    let queue = queue();
    ask(&queue, &[1]).await;
    let (_, _, group) = taken(&queue).await;
    ask(&queue, &[1]).await;
    queue.close();
    let (records, waited, _group) = taken(&queue).await;
    assert_eq!((records, waited), (1, Duration::ZERO));
    assert!(queue.next_group().await.is_none());
    queue.done(&group);
    for pending in group {
        pending.answer(Ok(WriteOutcome::all_created(1)));
    }
}
