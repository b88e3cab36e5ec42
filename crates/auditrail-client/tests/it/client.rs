//! The client as an `AuditLogService`.

use std::time::Duration;

use auditrail_client::{Client, ClientError};
use auditrail_core::{
    ActionFilter, AuditLogService, Bars, Count, Created, Cursor, ErrorCode, Facet, Filters,
    OnInvalid, Order, PageSize, Position, Query, Total, TotalRelation, ValueField, ValuesLimit,
};

use crate::proxy::Fault;
use crate::support::{KEY, Service, client as client_of, input, unused};

#[tokio::test]
async fn create_is_idempotent_and_get_returns_the_record() {
    let service = Service::start().await;
    let client = service.client();
    let created = client.create(input("a")).await.unwrap();
    let record = created.record().clone();
    assert!(matches!(created, Created::New(_)));
    let again = client.create(input("a").with_id(record.id)).await.unwrap();
    assert_eq!(again, Created::Duplicate(record.clone()));
    assert_eq!(client.get(record.id).await.unwrap(), Some(record.clone()));
    let other = client.create(input("b").with_id(record.id)).await.unwrap_err();
    assert_eq!((other.code(), other.status()), ("id_conflict", Some(409)));
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    assert_eq!(client.get(unknown).await.unwrap(), None);
}

#[tokio::test]
async fn create_many_reports_the_outcome_of_each_record() {
    let service = Service::start().await;
    let client = service.client();
    let id = client.create(input("a")).await.unwrap().record().id;
    let batch = vec![input("b"), input("other").with_id(id), input("a").with_id(id)];
    let outcome = client.create_many(batch.clone(), OnInvalid::Skip).await.unwrap();
    assert_eq!((outcome.created, outcome.duplicates), (1, 1));
    assert_eq!((outcome.rejected[0].index, outcome.rejected[0].code), (1, ErrorCode::IdConflict));
    let refused = client.create_many(batch, OnInvalid::Refuse).await.unwrap_err();
    assert_eq!(refused.code(), "id_conflict");
    assert_eq!(service.targets().await, ["a", "b"]);
}

#[tokio::test]
async fn pagination_by_record_by_cursor_and_by_offset_agree() {
    let service = Service::start().await;
    let client = service.client();
    // Groups of four share a timestamp, so that pages end within a group.
    let at = |n: usize| format!("2026-01-02T03:04:0{}Z", n / 4).parse().unwrap();
    let batch = (0..10).map(|n| input(&n.to_string()).with_created_at(at(n))).collect();
    client.create_many(batch, OnInvalid::Refuse).await.unwrap();
    let filters = Filters {
        action: Some("project.*".parse::<ActionFilter>().unwrap()),
        ..Filters::default()
    };
    let limit = PageSize::new(3).unwrap();
    let first = Query { filters, limit, count: Count::Exact, ..Query::default() };
    let all = service.stored().await;

    let mut query = first.clone();
    let mut by_record = Vec::new();
    loop {
        let found = client.query(&query).await.unwrap();
        assert_eq!(found.total, Some(Total { count: 10, relation: TotalRelation::Exact }));
        by_record.extend(found.records);
        if !found.has_more {
            break;
        }
        let last = by_record.last().unwrap();
        let cursor = Cursor { created_at: last.created_at, id: last.id };
        query.position = Position::After(cursor);
    }
    assert_eq!(by_record, all);

    let mut token = None;
    let mut by_token = Vec::new();
    loop {
        let page = client.page(&first, token.as_deref()).await.unwrap();
        by_token.extend(page.data);
        token = page.pagination.next_cursor;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(by_token, all);

    let by_offset = Query { position: Position::Offset(7), ..first.clone() };
    let by_offset = client.query(&by_offset).await.unwrap();
    assert_eq!(by_offset.records, all[7..]);
    assert_eq!((by_offset.has_previous, by_offset.has_more), (true, false));

    // The other order, and back from its end.
    let mut reversed = all.clone();
    reversed.reverse();
    let oldest_first = Query { order: Order::OldestFirst, ..first };
    let around = Query { position: Position::Around(all[4].id), ..oldest_first.clone() };
    assert_eq!(client.query(&around).await.unwrap().records, reversed[4..7]);
    for (place, found) in [(10, 7..10), (7, 4..7), (4, 1..4), (1, 0..1)] {
        let record = reversed.get(place).unwrap_or(&reversed[9]);
        let cursor = Cursor { created_at: record.created_at, id: record.id };
        let position = Position::Before(cursor);
        let page = client.query(&Query { position, ..oldest_first.clone() }).await.unwrap();
        let expected = if place == 10 { &reversed[6..9] } else { &reversed[found] };
        assert_eq!(page.records, expected);
        assert_eq!((page.has_previous, page.has_more), (place > 3, true));
    }
}

#[tokio::test]
async fn counts_and_values_are_those_of_the_service() {
    let service = Service::start().await;
    let client = service.client();
    let at = |n: usize| format!("2026-01-02T03:04:0{n}Z").parse().unwrap();
    let batch = (0..5).map(|n| input(&n.to_string()).with_created_at(at(n))).collect();
    client.create_many(batch, OnInvalid::Refuse).await.unwrap();
    let histogram = client.histogram(&Filters::default(), Bars::new(5).unwrap()).await.unwrap();
    let counts: Vec<_> = histogram.buckets.iter().map(|bucket| bucket.count).collect();
    assert_eq!((histogram.width_seconds, counts), (Some(1), vec![Some(1); 5]));
    let facets = client.facets(&Filters::default(), &[Facet::ActorType]).await.unwrap();
    assert_eq!(facets.facets.len(), 1);
    assert_eq!((facets.facets[0].values.len(), facets.facets[0].values[0].count), (1, 5));
    assert_eq!(client.facets(&Filters::default(), &[]).await.unwrap().facets.len(), 9);
    let limit = ValuesLimit::new(3).unwrap();
    let values = client.values(ValueField::TargetId, "", None, limit).await.unwrap();
    assert_eq!((values.values.len(), values.has_more, values.complete), (3, true, true));
}

#[tokio::test]
async fn oversized_responses_are_not_read_to_the_end() {
    let service = Service::start().await;
    let oversized: &'static str = "x".repeat(2 * 1024 * 1024).leak();
    for status in [200, 500] {
        service.proxy.next([Fault::respond(status, oversized)]);
        match service.client().create(input("a")).await {
            Err(ClientError::UnexpectedResponse { detail, .. }) => {
                assert!(detail.contains("bytes"))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn timeout_unreachable_and_rejection_are_distinct_errors() {
    let service = Service::start().await;
    service.proxy.next([Fault::Hold]);
    let builder = Client::builder(&service.proxy.url()).key(KEY);
    let client = builder.timeout(Duration::from_millis(50)).build().unwrap();
    let slow = client.create(input("a")).await.unwrap_err();
    assert!(matches!(slow, ClientError::Timeout { .. }), "{slow:?}");
    let (url, _socket) = unused();
    let unreachable = client_of(&url, KEY).create(input("a")).await.unwrap_err();
    assert!(matches!(unreachable, ClientError::Unreachable { .. }), "{unreachable:?}");
    assert_eq!((unreachable.code(), unreachable.status()), ("unreachable", None));
    let wrong_key = client_of(&service.proxy.url(), "adt_test_wrong");
    let rejected = wrong_key.create(input("a")).await.unwrap_err();
    assert_eq!((rejected.status(), rejected.request_id().is_some()), (Some(401), true));
}
