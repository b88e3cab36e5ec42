//! Pages as JSON.

use auditrail_core::{
    Cursor, CursorKey, Found, Page, Position, Query, Record, Total, TotalRelation,
};
use serde_json::{Value, json};

use crate::strategies::full_json;

fn record() -> Record {
    serde_json::from_value(full_json()).unwrap()
}

fn page(query: &Query, found: Found) -> Value {
    serde_json::to_value(Page::new(query, found, &CursorKey::public())).unwrap()
}

#[test]
fn last_page_has_no_cursor_and_no_total() {
    let found = Found { records: vec![record()], has_more: false, total: None, ..Found::default() };
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
fn page_round_trips_through_json() {
    let found = Found { records: vec![record()], has_more: true, total: None, ..Found::default() };
    let page = Page::new(&Query::default(), found, &CursorKey::public());
    let text = serde_json::to_string(&page).unwrap();
    assert_eq!(serde_json::from_str::<Page<Record>>(&text).unwrap(), page);
}
