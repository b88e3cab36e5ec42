//! Following the log: each record once and in order, across faults and servers.

use std::time::Duration;

use auditrail_client::{Feed, FeedStart};
use auditrail_core::{
    AuditLogService, CreateInput, FeedPosition, Filters, OnInvalid, PageSize, RecordId,
};
use futures_util::TryStreamExt;
use tokio::time::timeout;

use crate::proxy::Fault;
use crate::support::{READ_KEY, Service, client, input};

/// Writes records with these numbers as targets, and gives them their seq.
async fn write(service: &Service, numbers: std::ops::Range<u32>) {
    let inputs: Vec<CreateInput> = numbers.map(|number| input(&number.to_string())).collect();
    service.client().create_many(inputs, OnInvalid::Refuse).await.unwrap();
    service.sequence().await;
}

/// The seqs of the next records.
async fn seqs(feed: &mut Feed, count: usize) -> Vec<i64> {
    let mut seqs = Vec::new();
    while seqs.len() < count {
        let item = timeout(Duration::from_secs(30), feed.next()).await.expect("no record in time");
        seqs.push(item.unwrap().expect("the feed follows the log").seq);
    }
    seqs
}

fn small(size: u16) -> PageSize {
    PageSize::new(size).unwrap()
}

#[tokio::test]
async fn each_record_comes_once_across_faults() {
    let service = Service::start().await;
    write(&service, 0..40).await;
    service.proxy.next([
        Fault::Reset,
        Fault::ResetAfter,
        Fault::respond(502, "<html>"),
        Fault::Pass,
        Fault::ResetAfter,
        Fault::retry_after(503, "0"),
        Fault::Pass,
        Fault::Reset,
    ]);
    let feed = service.client().feed(Filters::default(), FeedStart::Beginning);
    let items: Vec<_> =
        feed.page_size(small(7)).until_head().into_stream().try_collect().await.unwrap();
    let seqs: Vec<i64> = items.iter().map(|item| item.seq).collect();
    assert_eq!(seqs, (0..40).collect::<Vec<_>>());
    let mut targets: Vec<u32> =
        items.iter().map(|item| item.record.target.target_id.as_str().parse().unwrap()).collect();
    targets.sort_unstable();
    assert_eq!(targets, (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stored_position_continues_at_another_server() {
    let service = Service::start().await;
    write(&service, 0..10).await;
    let mut feed =
        service.client().feed(Filters::default(), FeedStart::Beginning).page_size(small(4));
    assert_eq!(seqs(&mut feed, 6).await, (0..6).collect::<Vec<_>>());
    let stored = serde_json::to_string(&feed.position().unwrap()).unwrap();
    drop(feed);
    let position: FeedPosition = serde_json::from_str(&stored).unwrap();
    assert_eq!(position.seq, 5);
    let other = service.another().await;
    let start = FeedStart::After(position);
    let mut feed = client(&other.url(), READ_KEY).feed(Filters::default(), start);
    assert_eq!(seqs(&mut feed, 4).await, [6, 7, 8, 9]);
    write(&service, 10..12).await;
    assert_eq!(seqs(&mut feed, 2).await, [10, 11]);
}

#[tokio::test]
async fn new_records_come_without_polling() {
    let service = Service::start().await;
    write(&service, 0..3).await;
    let mut feed = service.client().feed(Filters::default(), FeedStart::Head);
    let before = service.proxy.times().len();
    assert!(timeout(Duration::from_millis(500), feed.next()).await.is_err());
    assert_eq!(feed.position().unwrap().seq, 2);
    // The request for the head, and one that waits.
    assert_eq!(service.proxy.times().len() - before, 2);
    write(&service, 3..5).await;
    assert_eq!(seqs(&mut feed, 2).await, [3, 4]);
}

#[tokio::test]
async fn a_cancelled_call_loses_no_record() {
    let service = Service::start().await;
    write(&service, 0..5).await;
    let mut feed = service.client().feed(Filters::default(), FeedStart::Beginning);
    service.proxy.next([Fault::HoldAfter]);
    assert!(timeout(Duration::from_millis(100), feed.next()).await.is_err());
    assert_eq!(seqs(&mut feed, 5).await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn filters_leave_gaps_and_move_the_position() {
    let service = Service::start().await;
    write(&service, 0..30).await;
    let filters = Filters { target_id: Some("17".parse().unwrap()), ..Filters::default() };
    let mut feed = service.client().feed(filters, FeedStart::Beginning).until_head();
    let item = feed.next().await.unwrap().unwrap();
    assert_eq!(item.record.target.target_id.as_str(), "17");
    assert_eq!(feed.next().await.unwrap(), None);
    assert_eq!(feed.position().unwrap().seq, 29);
}

#[tokio::test]
async fn a_position_of_another_history_is_an_error() {
    let service = Service::start().await;
    write(&service, 0..5).await;
    let id = Some(RecordId::derived(None, &[b"another"]));
    for position in [FeedPosition { seq: 3, id }, FeedPosition::after(5)] {
        let mut feed = service.client().feed(Filters::default(), FeedStart::After(position));
        for _ in 0..2 {
            let error = feed.next().await.unwrap_err();
            assert_eq!((error.code(), error.status()), ("position_unknown", Some(410)));
        }
        assert_eq!(feed.position(), Some(position));
    }
}

#[tokio::test]
async fn permanent_errors_are_returned_and_temporary_ones_retried() {
    let service = Service::start().await;
    write(&service, 0..2).await;
    let mut wrong_key =
        client(&service.proxy.url(), "adt_test_wrong").feed(Filters::default(), FeedStart::Head);
    assert_eq!(wrong_key.next().await.unwrap_err().status(), Some(401));
    let repeated =
        r#"{"data":[],"position":{"seq":-2,"id":null},"has_more":false,"filtered":false}"#;
    service.proxy.next([Fault::respond(200, repeated)]);
    let mut feed = service.client().feed(Filters::default(), FeedStart::Beginning);
    assert_eq!(feed.next().await.unwrap_err().code(), "bad_answer");
    assert_eq!(seqs(&mut feed, 2).await, [0, 1]);
}
