//! When an idle worker takes queued requests, with a paused clock.

use std::sync::Arc;
use std::time::Duration;

use auditrail_core::{Action, Actor, CreateInput, ProvidedFields, Record, RecordTime};
use tokio::time::Instant;
use uuid::Uuid;

use super::super::request::{OnConflict, WriteOutcome, WriteRequest};
use super::{LEAVE_FOR, LEAVE_RECORDS, LEAVE_REQUEST_RECORDS, Pending, Queue, WriterLimits};

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

/// Queues requests of these sizes.
async fn submit(queue: &Arc<Queue>, sizes: &[u64]) {
    for size in sizes {
        let (queue, request) = (Arc::clone(queue), request(*size));
        let deadline = Instant::now() + Duration::from_secs(3_600);
        let task = tokio::spawn(async move { queue.submit(request, deadline).await });
        tokio::task::yield_now().await;
        drop(task);
    }
}

/// The next group of a worker: the number of its records, and how long the worker waited.
async fn next_group(queue: &Queue) -> (u64, Duration, Vec<Pending>) {
    let start = Instant::now();
    let group = queue.next_group().await.unwrap();
    let records = group.iter().map(|pending| pending.request.records.len() as u64).sum();
    (records, start.elapsed(), group)
}

fn queue() -> Arc<Queue> {
    Arc::new(Queue::new(WriterLimits::default()))
}

#[tokio::test(start_paused = true)]
async fn requests_are_taken_at_once_when_no_write_is_in_flight() {
    let queue = queue();
    submit(&queue, &[1, 1]).await;
    let (records, waited, _group) = next_group(&queue).await;
    assert_eq!((records, waited), (2, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn few_records_are_left_to_the_busy_worker() {
    let queue = queue();
    submit(&queue, &[1]).await;
    let (_, _, first) = next_group(&queue).await;
    submit(&queue, &[1, 1]).await;
    let free = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { next_group(&queue).await }
    });
    tokio::task::yield_now().await;
    assert!(!free.is_finished());
    // The busy worker completes its group.
    queue.done(&first);
    let (records, waited, _group) = next_group(&queue).await;
    assert_eq!((records, waited), (2, Duration::ZERO));
    // The other one waits for more records.
    tokio::time::advance(LEAVE_FOR * 2).await;
    assert!(!free.is_finished());
    submit(&queue, &[LEAVE_RECORDS]).await;
    assert_eq!(free.await.unwrap().0, LEAVE_RECORDS);
}

#[tokio::test(start_paused = true)]
async fn records_of_a_blocked_worker_are_taken_by_another() {
    let queue = queue();
    submit(&queue, &[1]).await;
    let _blocked = next_group(&queue).await;
    submit(&queue, &[1]).await;
    let (records, waited, _group) = next_group(&queue).await;
    assert_eq!(records, 1);
    // The clock of timers counts in milliseconds.
    assert!((LEAVE_FOR..=LEAVE_FOR * 2).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn no_request_waits_for_a_large_one() {
    let queue = queue();
    submit(&queue, &[LEAVE_REQUEST_RECORDS as u64 + 1]).await;
    let (_, _, large) = next_group(&queue).await;
    submit(&queue, &[1]).await;
    let (records, waited, small) = next_group(&queue).await;
    assert_eq!((records, waited), (1, Duration::ZERO));
    queue.done(&large);
    queue.done(&small);
    submit(&queue, &[1]).await;
    assert_eq!(next_group(&queue).await.1, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn enough_records_for_a_group_are_taken_at_once() {
    let queue = queue();
    submit(&queue, &[LEAVE_RECORDS * 2]).await;
    let _large = next_group(&queue).await;
    submit(&queue, &[LEAVE_RECORDS - 1, 1]).await;
    let (records, waited, _group) = next_group(&queue).await;
    assert_eq!((records, waited), (LEAVE_RECORDS, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn requests_are_taken_at_once_after_close() {
    let queue = queue();
    submit(&queue, &[1]).await;
    let (_, _, group) = next_group(&queue).await;
    submit(&queue, &[1]).await;
    queue.close();
    let (records, waited, _group) = next_group(&queue).await;
    assert_eq!((records, waited), (1, Duration::ZERO));
    assert!(queue.next_group().await.is_none());
    queue.done(&group);
    for pending in group {
        pending.answer(Ok(WriteOutcome::all_created(1)));
    }
}
