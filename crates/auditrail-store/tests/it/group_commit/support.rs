//! Shared helpers.

use std::time::Duration;

use auditrail_core::{ProvidedFields, Record};
use auditrail_store::{
    GroupWriter, OnConflict, WriteError, WriteOutcome, WriteRequest, WriterLimits, WriterStats,
};
use auditrail_testkit::TestDb;
use sqlx::PgConnection;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{number, record};

/// Long enough for any success on a slow machine.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

pub(crate) fn within(millis: u64) -> Instant {
    Instant::now() + Duration::from_millis(millis)
}

pub(crate) fn start(db: &TestDb) -> GroupWriter {
    GroupWriter::start(db.app(), WriterLimits::default())
}

/// A single worker that waits for locks, so that requests during the wait become one group.
pub(crate) fn start_one(db: &TestDb) -> GroupWriter {
    let long = Duration::from_secs(60);
    let limits = WriterLimits {
        writers: 1,
        statement_timeout: long,
        lock_timeout: long,
        ..WriterLimits::default()
    };
    GroupWriter::start(db.app(), limits)
}

pub(crate) fn one(number: u32) -> WriteRequest {
    WriteRequest::one(record(number, number), ProvidedFields::ALL)
}

pub(crate) fn many(records: Vec<Record>, on_conflict: OnConflict) -> WriteRequest {
    let provided = vec![ProvidedFields::ALL; records.len()];
    WriteRequest::new(records, provided, on_conflict)
}

pub(crate) fn outcome(
    created: &[usize],
    duplicates: &[usize],
    conflicts: &[usize],
) -> WriteOutcome {
    WriteOutcome {
        created: created.to_vec(),
        duplicates: duplicates.to_vec(),
        conflicts: conflicts.to_vec(),
    }
}

/// The indexes of the conflicts of a refused request.
pub(crate) fn conflicts_of(answer: Result<WriteOutcome, WriteError>) -> Vec<usize> {
    match answer {
        Err(WriteError::Conflict { conflicts }) => conflicts,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

pub(crate) async fn count(db: &mut PgConnection) -> i64 {
    number(db, "select count(*) from control_plane.audit_logs").await
}

/// Waits until the statistics of the writer satisfy a condition.
pub(crate) async fn until(writer: &GroupWriter, holds: impl Fn(&WriterStats) -> bool) {
    let deadline = soon();
    while !holds(&writer.stats()) {
        assert!(Instant::now() < deadline, "never came true: {:?}", writer.stats());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Blocks the writer until the transaction ends, but not readers.
pub(crate) const BLOCK_WRITES: &str =
    "begin; lock table control_plane.audit_logs in exclusive mode";

/// Writes requests in one group with a single worker, and returns the results in the same order.
///
/// Writes two other records first: one to connect the worker, and one that a lock blocks until the
/// requests are queued.
pub(crate) async fn in_one_group(
    db: &TestDb,
    requests: Vec<WriteRequest>,
) -> Vec<Result<WriteOutcome, WriteError>> {
    let writer = start_one(db);
    let mut owner = db.connect(db.owner()).await;
    writer.write(one(1_000_000), soon()).await.unwrap();
    crate::support::sql(&mut owner, BLOCK_WRITES).await;
    let records: usize = requests.iter().map(|request| request.records().len()).sum();
    let mut tasks = JoinSet::new();
    spawn(&mut tasks, &writer, usize::MAX, one(1_000_001));
    until(&writer, |stats| stats.in_flight_records == 1).await;
    for (place, request) in requests.into_iter().enumerate() {
        let queued = writer.stats().queued_requests;
        spawn(&mut tasks, &writer, place, request);
        until(&writer, |stats| stats.queued_requests == queued + 1).await;
    }
    assert_eq!(writer.stats().queued_records, records as u64);
    assert_eq!(writer.stats().oldest_queued.is_some(), records > 0);
    crate::support::sql(&mut owner, "commit").await;
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    let (_, first) = answers.pop().unwrap();
    first.unwrap();
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn spawn(
    tasks: &mut JoinSet<(usize, Result<WriteOutcome, WriteError>)>,
    writer: &GroupWriter,
    place: usize,
    request: WriteRequest,
) {
    let writer = writer.clone();
    tasks.spawn(async move { (place, writer.write(request, soon()).await) });
}
