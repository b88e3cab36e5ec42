//! The client as an `AuditLogService`.

use std::time::Duration;

use auditrail_client::{Client, ClientError};
use auditrail_core::{
    ActionFilter, AuditLogService, Count, Created, Cursor, ErrorCode, Filters, OnInvalid, PageSize,
    Position, Query, Total, TotalRelation,
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

    let by_offset = client.query(&Query { position: Position::Offset(7), ..first }).await.unwrap();
    assert_eq!(by_offset.records, all[7..]);
    assert!(!by_offset.has_more);
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
