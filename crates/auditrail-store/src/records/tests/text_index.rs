//! Searches by the index of words return exactly the records that they return without it, whatever is indexed, and
//! read few records for words that few have.
//!
//! A unit test, because the budget and the steps are not part of the interface.

use std::time::Duration;

use auditrail_core::{Filters, Order, PageSize, Position, Query, RecordId};
use auditrail_testkit::TestDb;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sqlx::{Connection, PgConnection};

use super::text::{LONG, TEXTS, expression, filters, page, search};
use crate::records::read::conditions::Conditions;
use crate::records::read::driving_index::ScanBudget;
use crate::records::read::scan::Scan;
use crate::records::read::search::SEARCH;
use crate::records::read::text_search::{ID, TextBudget};
use crate::records::read::text_steps::TextSteps;
use crate::sequencer::{Sequencer, Step};

/// 500 records of one transaction. Each has words of all frequencies. If `$3`, one in 97 has another time than its
/// neighbours, and the ids are in another order than the times.
const FILL: &str = "insert into control_plane.audit_logs
    (id, actor_id, actor_type, action, target_type, target_id, metadata, user_agent, created_at, tenant_id, actor_name,
     target_name)
select case when $3 then md5(n::text) else lpad(to_hex(n), 32, '0') end::uuid, 'u' || n % 13, 'user', (array['key.made', 'key.lost', 'prod.db'])[1 + n % 3], 'key',
       'k' || n,
       jsonb_build_object('note', t[1 + n % m], 'pair', case n % 3 when 0 then 'left right' when 1 then 'right left' end),
       'agent' || n % 50 || '/' || n % 7,
       timestamptz '2026-01-01Z' + case when $3 and n % 97 = 0 then n * 7919 % 3000 else n end * interval '1 minute',
       (array['acme', 'prod', null])[1 + n % 3], 'common word' || n / 350, t[1 + n * 7 % m]
  from (select n, $1::text[] as t, cardinality($1::text[]) as m from generate_series($2, $2 + 499) n) r";

/// Expressions for words of all frequencies, phrases, prefixes, negations and other filters.
const EXPRESSIONS: &[&str] = &[
    "absent",
    "k17",
    "k2999",
    "word3",
    "agent7",
    "common",
    "\"left right\"",
    "\"right left common\"",
    "common -word3",
    "-common",
    "word* k1*",
    "\"common word4\"",
    "k404 common",
    "agent:\"agent7/0\",agent9",
    "agent:agent7,agent*",
    "word2 tenant:acme",
    "actor:u7 word5",
    "actor:u7 action:key.lost agent11",
    "word1 since:2026-01-02 until:2026-01-03",
    "target:k2444 common",
    "absent actor:u7",
    "東京 word2",
];

async fn write(db: &TestDb, first: i32, is_mixed: bool) {
    let mut app = db.connect(db.app()).await;
    sqlx::query(FILL).bind(TEXTS).bind(first).bind(is_mixed).execute(&mut app).await.unwrap();
}

/// 3,000 records: of these 2,304 are indexed, 196 have a seq, and 500 have none.
async fn partly_indexed(is_mixed: bool) -> TestDb {
    let db = TestDb::migrated().await;
    for batch in 0..5 {
        write(&db, batch * 500, is_mixed).await;
        db.sequence().await;
        if batch != 2 {
            db.index_words().await;
        }
    }
    write(&db, 2_500, is_mixed).await;
    db.as_owner("analyze control_plane.audit_logs").await;
    db
}

fn budget(time: Duration, first: u32, has_index: bool) -> TextBudget {
    let scan = ScanBudget { time_records: 60, value_records: 20, few: 2 };
    TextBudget { time, candidates: (first, 700), scan, has_index }
}

/// The service reads the index; the role of the app may not.
async fn service(db: &TestDb) -> PgConnection {
    db.connect(db.service()).await
}

async fn compare(db: &mut PgConnection, q: &str, filters: &Filters, order: Order, size: u16) {
    let plain = budget(LONG, 100, false);
    let (expected, _, _) = search(db, filters, order, size, plain).await;
    for first in [3, 40] {
        let (found, back, early) =
            search(db, filters, order, size, budget(LONG, first, true)).await;
        assert!(found == expected, "{q}: {} instead of {}", found.len(), expected.len());
        assert!(back == expected, "{q}: back {} instead of {}", back.len(), expected.len());
        assert_eq!(early, 0, "{q}");
    }
    if let Some(id) = expected.get(expected.len() / 2) {
        compare_around(db, q, filters, *id).await;
    }
}

async fn compare_around(db: &mut PgConnection, q: &str, filters: &Filters, id: RecordId) {
    let (limit, position) = (PageSize::new(9).unwrap(), Position::Around(id));
    let query = Query { filters: filters.clone(), limit, position, ..Query::default() };
    let (expected, _) = page(db, &query, budget(LONG, 100, false)).await;
    let (found, _) = page(db, &query, budget(LONG, 3, true)).await;
    assert!(found == expected, "{q}: around {id}");
}

#[tokio::test]
async fn searches_by_the_index_equal_those_without() {
    let db = partly_indexed(true).await;
    let mut service = service(&db).await;
    for q in EXPRESSIONS {
        let filters = filters(q).unwrap();
        for (order, size) in [(Order::NewestFirst, 300), (Order::OldestFirst, 900)] {
            compare(&mut service, q, &filters, order, size).await;
        }
    }
}

#[tokio::test]
async fn any_search_by_the_index_equals_that_without() {
    let db = partly_indexed(true).await;
    let mut service = service(&db).await;
    let mut runner = TestRunner::deterministic();
    let mut compared = 0;
    while compared < 40 {
        let q = expression().new_tree(&mut runner).unwrap().current();
        let Some(filters) = filters(&q).filter(Filters::has_text_terms) else { continue };
        let order = [Order::NewestFirst, Order::OldestFirst][compared % 2];
        compare(&mut service, &q, &filters, order, 800).await;
        compared += 1;
    }
}

#[tokio::test]
async fn a_search_by_the_index_goes_on_where_its_time_was_over() {
    let db = partly_indexed(true).await;
    let mut service = service(&db).await;
    for q in ["absent", "word3", "k17 common", "\"left right\" word5", "agent7"] {
        let filters = filters(q).unwrap();
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let plain = budget(LONG, 100, false);
            let (expected, _, _) = search(&mut service, &filters, order, 900, plain).await;
            let budget = budget(Duration::ZERO, 40, true);
            let (found, back, early) = search(&mut service, &filters, order, 900, budget).await;
            assert!(found == expected, "{q}: {} instead of {}", found.len(), expected.len());
            assert!(back == expected, "{q}: back {} instead of {}", back.len(), expected.len());
            assert!(early > 0, "{q} never stops early");
        }
    }
}

/// The candidates that a search for all matches judges.
async fn judged(db: &mut PgConnection, q: &str, has_index: bool) -> u64 {
    let filters = filters(q).unwrap();
    let filters = filters.simplified();
    let mut tx = db.begin_with(SEARCH).await.unwrap();
    let conditions = Conditions::of((&mut *tx).into(), &filters).await.unwrap();
    let budget = TextBudget { candidates: (50, 700), has_index, ..budget(LONG, 50, true) };
    let mut steps =
        TextSteps::new((&mut *tx).into(), &conditions, ID, Scan::newest_first(), budget);
    let mut judged = 0;
    while let Some((step, rows)) = steps.next(u64::MAX).await.unwrap() {
        judged += step.end(&rows).unwrap().unwrap().judged;
    }
    assert_eq!(steps.stopped_at(), None);
    judged
}

#[tokio::test]
async fn few_records_are_read_for_rare_words() {
    let db = partly_indexed(false).await;
    let mut service = service(&db).await;
    assert_eq!(judged(&mut service, "absent", false).await, 3_000);
    // The 696 that are not indexed.
    assert_eq!(judged(&mut service, "absent", true).await, 696);
    // And the block with the record.
    assert_eq!(judged(&mut service, "k17", true).await, 696 + 256);
    // 350 records, in two blocks.
    assert_eq!(judged(&mut service, "word3", true).await, 696 + 2 * 256);
    assert_eq!(judged(&mut service, "\"right common\"", true).await, 3_000);
    db.sequence().await;
    assert_eq!(db.index_words().await, 512);
    // The first step ends within the last block.
    assert_eq!(judged(&mut service, "absent", true).await, 184);
    // Without privileges on the index, and for what is not a word.
    let mut app = db.connect(db.app()).await;
    assert_eq!(judged(&mut app, "absent", true).await, 3_000);
    assert_eq!(judged(&mut service, "absen*", true).await, 3_000);
    assert_eq!(judged(&mut service, "-common", true).await, 3_000);
}

#[tokio::test]
async fn without_the_follower_a_search_reads_all() {
    let db = TestDb::migrated().await;
    write(&db, 0, false).await;
    let mut service = service(&db).await;
    assert_eq!(judged(&mut service, "absent", true).await, 500);
    db.sequence().await;
    assert_eq!(judged(&mut service, "absent", true).await, 500);
    assert_eq!(db.index_words().await, 256);
    assert_eq!(judged(&mut service, "absent", true).await, 244);
    // In a recovery records may have no seq although the sequencer has seen them.
    let mut sequencer = Sequencer::new(&db.service());
    sequencer.request_recovery().await.unwrap();
    assert!(matches!(sequencer.step().await.unwrap(), Step::Advanced(_)));
    assert_eq!(judged(&mut service, "absent", true).await, 500);
    db.sequence().await;
    assert_eq!(judged(&mut service, "absent", true).await, 244);
    // The position came with a restore: another transaction wrote the row.
    db.as_owner("update control_plane.audit_log_sequencer set next_seq = next_seq").await;
    assert_eq!(judged(&mut service, "absent", true).await, 500);
}
