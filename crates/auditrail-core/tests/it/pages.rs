//! Pages as JSON.

use auditrail_core::{
    Cursor, CursorKey, Found, Order, Page, Pagination, Position, Query, Record, Total,
    TotalRelation,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::strategies::full_json;

fn record() -> Record {
    serde_json::from_value(full_json()).unwrap()
}

fn page(query: &Query, found: Found) -> Value {
    serde_json::to_value(Page::new(query, found, &CursorKey::public())).unwrap()
}

#[test]
fn last_page_has_no_cursor_and_no_total() {
    let found = Found { records: vec![record()], ..Found::default() };
    let expected = json!({
        "data": [full_json()],
        "pagination": {"limit": 100, "has_more": false, "next_cursor": null, "offset": 0},
    });
    assert_eq!(page(&Query::default(), found), expected);
}

#[test]
fn cursor_has_the_last_record_and_is_bound_to_filters() {
    let key = CursorKey::public();
    let query = Query::from_pairs(
        [("actor_id", "u1"), ("limit", "1"), ("offset", "3")],
        &key,
        crate::strategies::now(),
    )
    .unwrap();
    let total = Some(Total { count: 9, relation: TotalRelation::AtLeast });
    let found = Found { records: vec![record()], has_more: true, total, ..Found::default() };
    let page = page(&query, found);
    let token = page["pagination"]["next_cursor"].as_str().unwrap();
    let cursor = Cursor::decode(token, &query.filters, &key).unwrap();
    assert_eq!(cursor, Cursor { created_at: record().created_at, id: record().id });
    assert_eq!(
        page["pagination"],
        json!({"limit": 1, "has_more": true, "next_cursor": token, "offset": 3, "total": 9,
               "total_relation": "at_least"})
    );
}

#[test]
fn page_after_a_cursor_has_no_offset() {
    let cursor = Cursor { created_at: record().created_at, id: record().id };
    let query = Query { position: Position::After(cursor), ..Query::default() };
    let page = page(&query, Found::default());
    assert_eq!(page["pagination"]["offset"], Value::Null);
    assert_eq!(page["pagination"]["next_cursor"], Value::Null);
}

#[test]
fn pages_lead_in_both_directions_in_their_order() {
    let key = CursorKey::public();
    let query = Query { order: Order::OldestFirst, ..Query::default() };
    let found =
        Found { records: vec![record()], has_previous: true, has_more: true, ..Found::default() };
    let pagination = Page::new(&query, found, &key).pagination;
    let cursor = Cursor { created_at: record().created_at, id: record().id };
    for (token, expected) in [
        (pagination.next_cursor, Position::After(cursor)),
        (pagination.prev_cursor, Position::Before(cursor)),
    ] {
        let token = token.unwrap();
        let decoded = Position::from_token(&token, &query.filters, query.order, &key);
        assert_eq!(decoded, Ok(expected));
        assert!(Cursor::decode(&token, &query.filters, &key).is_err());
    }
}

/// The positions that the cursors of a page lead to: before it and after it.
fn neighbors(query: &Query, found: Found) -> [Option<Position>; 2] {
    let key = CursorKey::public();
    let Pagination { prev_cursor, next_cursor, .. } = Page::new(query, found, &key).pagination;
    [prev_cursor, next_cursor].map(|token| {
        let decoded = Position::from_token(&token?, &query.filters, query.order, &key);
        Some(decoded.unwrap())
    })
}

#[test]
fn a_search_that_stopped_goes_on_in_its_direction() {
    let cursor =
        |n: u128| Cursor { created_at: record().created_at, id: Uuid::from_u128(n).into() };
    let start = cursor(50);
    let own = Cursor { created_at: record().created_at, id: record().id };
    let found = |records: Vec<Record>, searched_back_to| {
        let (has_previous, has_more) = (true, true);
        Found { records, has_previous, has_more, searched_back_to, total: None }
    };
    for (order, older) in [(Order::NewestFirst, 49), (Order::OldestFirst, 51)] {
        let after = Query { order, position: Position::After(start), ..Query::default() };
        let before = Query { position: Position::Before(start), ..after.clone() };
        let stopped = Some(cursor(20));
        let page = neighbors(&after, found(vec![record()], stopped));
        assert_eq!(page, [Some(Position::Before(own)), Some(Position::After(cursor(20)))]);
        let page = neighbors(&before, found(vec![record()], stopped));
        assert_eq!(page, [Some(Position::Before(cursor(20))), Some(Position::After(own))]);
        // Without records, from the place where the search stopped, or where the page starts.
        let page = neighbors(&after, found(Vec::new(), stopped));
        assert_eq!(page, [Some(Position::Before(cursor(20))), Some(Position::After(cursor(20)))]);
        let end = Found { has_more: false, ..found(Vec::new(), None) };
        assert_eq!(neighbors(&after, end), [Some(Position::Before(cursor(older))), None]);
        let end = Found { has_previous: false, ..found(Vec::new(), None) };
        let newer = cursor(100 - older);
        assert_eq!(neighbors(&before, end), [None, Some(Position::After(newer))]);
    }
    let first =
        neighbors(&Query::default(), Found { has_previous: false, ..found(Vec::new(), Some(own)) });
    assert_eq!(first, [None, Some(Position::After(own))]);
}

#[test]
fn page_round_trips_through_json() {
    let found = Found { records: vec![record()], has_more: true, ..Found::default() };
    let page = Page::new(&Query::default(), found, &CursorKey::public());
    let text = serde_json::to_string(&page).unwrap();
    assert_eq!(serde_json::from_str::<Page<Record>>(&text).unwrap(), page);
}
