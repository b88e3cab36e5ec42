//! Pages: complete, without repetitions, and stable while records arrive.

use std::time::Duration;

use auditrail_core::{
    AuditLogService, Filters, Order, PageSize, Pagination, Position, Query, Record, RecordId,
};
use auditrail_store::{PgAuditLog, Sessions, StoreError};
use auditrail_testkit::TestDb;
use uuid::Uuid;

use crate::support::{START_MICROS, allow_any_time, by, id, log, record, sql};

fn pages_of(size: u16) -> Query {
    Query { limit: PageSize::new(size).unwrap(), ..by(Filters::default()) }
}

/// The page that a token leads to.
fn turn(log: &PgAuditLog, query: &mut Query, token: &str) {
    let position = Position::from_token(token, &query.filters, query.order, log.cursor_key());
    query.position = position.unwrap();
}

async fn all_pages(log: &PgAuditLog, size: u16) -> Vec<RecordId> {
    let mut query = pages_of(size);
    let mut seen = Vec::new();
    loop {
        let page = log.page(&query).await.unwrap();
        assert!(page.data.len() <= usize::from(size));
        seen.extend(page.data.iter().map(|record| record.id));
        let Some(token) = page.pagination.next_cursor else {
            return seen;
        };
        assert_eq!(page.data.len(), usize::from(size));
        turn(log, &mut query, &token);
        assert!(seen.len() <= 10_000, "the pages never end");
    }
}

fn newest_first(mut records: Vec<Record>) -> Vec<RecordId> {
    records.sort_by_key(|record| std::cmp::Reverse((record.created_at, record.id)));
    records.iter().map(|record| record.id).collect()
}

/// Odd, so that its multiples modulo 2^128 are distinct, and in no order.
const SCATTER: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

#[tokio::test]
async fn pages_contain_every_record_once_with_equal_times() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    // Ids in no order, and about forty records per time.
    let records: Vec<_> = (1..=10_000)
        .map(|n| Record {
            id: Uuid::from_u128(SCATTER.wrapping_mul(n.into())).into(),
            ..record(n, n % 250)
        })
        .collect();
    let mut writer = log.bulk_writer().await.unwrap();
    writer.write(&records).await.unwrap();
    let expected = newest_first(records);
    for size in [1_000, 97] {
        assert_eq!(all_pages(&log, size).await, expected);
    }
}

#[tokio::test]
async fn new_records_do_not_affect_later_pages() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut writer = log.bulk_writer().await.unwrap();
    let old: Vec<_> = (0..60).map(|n| record(1_000 + n, n / 4)).collect();
    writer.write(&old).await.unwrap();

    let mut query = pages_of(7);
    let (mut seen, mut next) = (Vec::new(), 1);
    loop {
        let page = log.page(&query).await.unwrap();
        seen.extend(page.data.iter().map(|record| record.id));
        // Newer than all, within the pages read so far, and tied with the last record read.
        let last = page.data.last().unwrap().created_at;
        let tied = u32::try_from((last.unix_micros() - START_MICROS) / 1_000_000).unwrap();
        let times = [100, tied + 1, tied];
        let arriving = times.into_iter().zip(next..);
        let arriving: Vec<_> = arriving.map(|(at, n)| record(5_000 + n, at)).collect();
        next += 3;
        writer.write(&arriving).await.unwrap();
        let Some(token) = page.pagination.next_cursor else {
            break;
        };
        turn(&log, &mut query, &token);
    }
    let is_old = |seen: &&RecordId| seen.as_uuid().as_u128() < 5_000;
    let old_seen: Vec<_> = seen.iter().filter(is_old).copied().collect();
    assert_eq!(old_seen, newest_first(old));
}

/// Walks from the first page to the last and back by tokens, writing records with times in between before each page,
/// and returns what each way showed.
async fn there_and_back(log: &PgAuditLog, order: Order, arriving: &[Record]) -> [Vec<RecordId>; 2] {
    let mut writer = log.bulk_writer().await.unwrap();
    let mut arriving = arriving.chunks(3);
    let mut query = Query { order, ..pages_of(7) };
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let mut is_back = false;
    loop {
        let page = log.page(&query).await.unwrap();
        let ids = page.data.iter().map(|record| record.id);
        if is_back {
            back.splice(0..0, ids);
        } else {
            there.extend(ids);
        }
        if let Some(records) = arriving.next() {
            writer.write(records).await.unwrap();
        }
        let Pagination { prev_cursor, next_cursor, .. } = &page.pagination;
        match if is_back { prev_cursor } else { next_cursor } {
            Some(token) => turn(log, &mut query, token),
            None if is_back => return [there, back],
            None => {
                // The last page once more, as the start of the way back.
                back.extend(page.data.iter().map(|record| record.id));
                is_back = true;
                match prev_cursor {
                    Some(token) => turn(log, &mut query, token),
                    None => return [there, back],
                }
            }
        }
        assert!(there.len() + back.len() <= 10_000, "the pages never end");
    }
}

#[tokio::test]
async fn both_orders_lead_to_the_end_and_back_while_records_arrive() {
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let db = TestDb::migrated().await;
        let log = log(&db).await;
        // Ids in no order, and ten records of each time.
        let scattered = |n: u32, seconds| Record {
            id: Uuid::from_u128(SCATTER.wrapping_mul(n.into())).into(),
            ..record(n, seconds)
        };
        let old: Vec<_> = (1..=200).map(|n| scattered(n, 10 + n % 20)).collect();
        log.bulk_writer().await.unwrap().write(&old).await.unwrap();
        // Before, after, and at the times of the old ones.
        let arriving: Vec<_> = (1_001..1_120).map(|n| scattered(n, n % 40)).collect();
        let ways = there_and_back(&log, order, &arriving).await;
        let mut expected = newest_first(old);
        if order == Order::OldestFirst {
            expected.reverse();
        }
        for way in ways {
            let mut all = way.clone();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), way.len(), "no record repeats");
            let old: Vec<_> = way.into_iter().filter(|id| expected.contains(id)).collect();
            assert_eq!(old, expected, "no record is lost");
        }
    }
}

#[tokio::test]
async fn a_page_around_a_record_needs_a_match() {
    let db = TestDb::migrated().await;
    let over_pool = log(&db).await;
    let sessions = Sessions::new(&db.app(), 1, Duration::from_secs(30));
    let over_sessions = over_pool.clone().with_sessions(sessions);
    let records: Vec<_> = (1..=10).map(|n| record(n, n)).collect();
    over_pool.bulk_writer().await.unwrap().write(&records).await.unwrap();
    for log in [over_pool, over_sessions] {
        for (size, around, expected, more) in [
            (4, 5, vec![7, 6, 5, 4], (true, true)),
            (1, 5, vec![5], (true, true)),
            (1, 10, vec![10], (false, true)),
            (100, 1, (1..=10).rev().collect(), (false, false)),
        ] {
            let query = Query { position: Position::Around(id(around)), ..pages_of(size) };
            let found = log.page(&query).await.unwrap();
            let ids: Vec<_> = found.data.iter().map(|r| r.id.as_uuid().as_u128()).collect();
            let pagination = found.pagination;
            assert_eq!((ids, pagination.offset), (expected, None));
            assert_eq!((pagination.prev_cursor.is_some(), pagination.has_more), more);
        }
        let other = Filters { target_id: "p2".parse().ok(), ..Filters::default() };
        for (filters, number) in [(Filters::default(), 11), (other, 5)] {
            let query = Query { position: Position::Around(id(number)), ..by(filters) };
            let error = log.page(&query).await.unwrap_err();
            assert!(matches!(error, StoreError::NoMatch { .. }), "{error}");
            assert_eq!((error.code(), error.is_worth_retrying()), ("not_found", false));
        }
    }
}

#[tokio::test]
async fn offset_pages_skip_and_report_more() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let records: Vec<_> = (1..=10).map(|n| record(n, n)).collect();
    log.bulk_writer().await.unwrap().write(&records).await.unwrap();
    for (offset, expected, more) in [
        (0, vec![10, 9, 8, 7], true),
        (6, vec![4, 3, 2, 1], false),
        (8, vec![2, 1], false),
        (10, vec![], false),
    ] {
        let mut query = pages_of(4);
        query.position = Position::Offset(offset);
        let page = log.page(&query).await.unwrap();
        let found: Vec<_> = page.data.iter().map(|r| r.id.as_uuid().as_u128()).collect();
        assert_eq!((found, page.pagination.has_more), (expected, more));
        assert_eq!(page.pagination.offset, Some(offset));
    }
}

#[tokio::test]
async fn pages_contain_times_outside_the_range_once() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    allow_any_time(&mut owner).await;
    // More than a page at each end and on both sides of the edge, ids against the order of times.
    let rows = "insert into control_plane.audit_logs
                    (id, actor_id, actor_type, action, target_type, target_id, created_at)
                select lpad(to_hex(row_number() over ()), 32, '0')::uuid, 'u', 'user', 'a.b', 'x', 'y', t
                  from unnest(array['infinity', 'infinity', '200000-01-01', '100000-01-01',
                                    '9999-12-31 23:00:00Z', '9999-12-30 22:00:00Z', '2026-01-01',
                                    '0001-01-01 00:00:00Z', '0002-01-01 BC', '4000-01-01 BC',
                                    '-infinity', '-infinity', '-infinity']::timestamptz[]) t";
    sql(&mut owner, rows).await;
    let expected: Vec<_> = [2, 1, 3, 4, 5, 6, 7, 8, 9, 10, 13, 12, 11].map(id).to_vec();
    for size in [1, 2, 3, 5] {
        assert_eq!(all_pages(&log, size).await, expected, "in pages of {size}");
    }
    let first = &log.query(&pages_of(1)).await.unwrap().records[0];
    assert_eq!(first.created_at.to_string(), "9999-12-30T22:00:00.000000Z");
}

#[tokio::test]
async fn pages_of_large_records_end_early_and_lose_none() {
    let db = TestDb::migrated().await;
    let over_pool = log(&db).await;
    let sessions = Sessions::new(&db.app(), 2, Duration::from_secs(30));
    let over_sessions = over_pool.clone().with_sessions(sessions);
    let metadata = format!("{{\"p\":\"{}\"}}", "z".repeat(60_000));
    let large =
        |number| Record { metadata: Some(metadata.parse().unwrap()), ..record(number, number) };
    let records: Vec<_> = (1..=150).map(large).collect();
    over_pool.bulk_writer().await.unwrap().write(&records).await.unwrap();
    let expected = newest_first(records);
    let target: Filters = Filters { target_id: Some("p1".parse().unwrap()), ..Filters::default() };
    let actor = Filters { actor_id: Some("u1".parse().unwrap()), ..target.clone() };
    for log in [over_pool, over_sessions] {
        for filters in [Filters::default(), target.clone(), actor.clone()] {
            let mut query = Query { limit: PageSize::new(1_000).unwrap(), ..by(filters) };
            let (mut seen, mut sizes) = (Vec::new(), Vec::new());
            loop {
                let page = log.page(&query).await.unwrap();
                seen.extend(page.data.iter().map(|record| record.id));
                sizes.push(page.data.len());
                let Some(token) = page.pagination.next_cursor else { break };
                turn(&log, &mut query, &token);
            }
            assert_eq!(seen, expected);
            // Four mebibytes have 69 such records.
            assert!(sizes.len() == 3 && sizes.iter().all(|size| *size < 70), "{sizes:?}");
        }
    }
}
