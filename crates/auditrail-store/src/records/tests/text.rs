//! Searches by an expression return exactly the records that its evaluation in memory finds, in their order,
//! in both directions, with any budget.
//!
//! A unit test, because the budget is not part of the interface.

use std::time::Duration;

use auditrail_core::{
    CursorKey, Filters, Order, Page, PageSize, Pagination, Position, Query, Record, RecordId,
};
use auditrail_testkit::TestDb;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sqlx::{Connection, PgConnection};

use crate::records::PgAuditLog;
use crate::records::read::conditions::Conditions;
use crate::records::read::driving_index::ScanBudget;
use crate::records::read::search::SEARCH;
use crate::records::read::text_search::TextBudget;
use crate::records::read::turn;

/// Texts in which words are easily found wrongly: cases, boundaries, escapes, and scripts of all kinds.
pub(super) const TEXTS: &[&str] = &[
    "ana",
    "Ana Müller",
    "anabel",
    "ÜBER straße",
    "STRASSE ẞ",
    "K8s",
    "\u{212a}8S",
    "a.b",
    "A-b",
    "ab",
    "prod db",
    "Prod  DB",
    "prod-db",
    "prods",
    "prod\u{a0}db",
    "…prod…",
    "«Prod»",
    "東京都",
    "x東京y",
    "ภาษาไทย",
    "서울 시",
    "C:\\new\\temp",
    "say \"hi\"",
    "100%_x",
    "\u{1f680}prod",
    "ǅungla ǆ",
    "İstanbul ıi",
    "new",
    "\\n",
    "[a-z]*",
    "2001:db8::7",
    "10.0.0.7",
];

/// Metadata with the texts in several places, as SQL: `t` is one of them.
const FILL: &str = r#"insert into control_plane.audit_logs
    (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, user_agent, created_at,
     tenant_id, request_id, outcome, actor_name, target_name)
select md5(n::text)::uuid, case when k = 0 then 'system' else t[1 + (a * m)::int] end,
       (array['system', 'user', 'api_key'])[1 + k],
       (array['key.made', 'key.lost', 'keys.made', 'prod.db'])[1 + n % 4], (array['key', 'bucket', 'new'])[1 + n % 3],
       t[1 + (b * m)::int],
       (array[jsonb_build_object('note', t[1 + (c * m)::int]),
              jsonb_build_object(t[1 + (c * m)::int], n, 'k', '5'),
              jsonb_build_object('note', t[1 + (c * m)::int] || E'\n' || t[1 + (d * m)::int]),
              jsonb_build_object('in', jsonb_build_object('k', array[t[1 + (c * m)::int], E'\t' || t[1 + (d * m)::int]])),
              to_jsonb(E'\x02' || t[1 + (c * m)::int]), '{"k": 5}', '{}', null])[1 + n % 8],
       (array['10.0.0.7', '::ffff:10.0.0.7', '10.0.0.9/8', '2001:db8::7', '::1', '::', '::10.0.0.7', '::9',
              'fe80::1:0:0:1', null])[1 + n % 10]::inet,
       nullif(t[1 + (d * m)::int], 'ana'), timestamptz '2026-01-01Z' + n / 3 * interval '1 hour',
       (array['acme', 'prod', null])[1 + n % 3], nullif(t[1 + (e * m)::int], 'new'),
       (array['success', null, 'failure'])[1 + n % 3], nullif(t[1 + (f * m)::int], 'ana'),
       nullif(t[1 + (g * m)::int], 'ab')
  from (select n, $1::text[] as t, cardinality($1::text[]) - 1 as m, n % 3 as k, random() a, random() b, random() c,
               random() d, random() e, random() f, random() g from generate_series(1, 900) n) r"#;

async fn filled() -> TestDb {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    sqlx::query("select setseed(0.25)").execute(&mut app).await.unwrap();
    sqlx::query(FILL).bind(TEXTS).execute(&mut app).await.unwrap();
    db.as_owner("analyze control_plane.audit_logs").await;
    db
}

/// A term of an expression.
pub(super) fn term() -> impl Strategy<Value = String> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""));
    let part = (prop::sample::select(TEXTS), 0..6_usize, 1..9_usize, any::<bool>()).prop_map(
        move |(text, from, length, is_prefix)| {
            let part: String = text.chars().skip(from).take(length).collect();
            let cases = [part.clone(), part.to_uppercase(), part.to_lowercase()];
            format!("{}{}", quoted(&cases[from % 3]), if is_prefix { "*" } else { "" })
        },
    );
    let exact = prop::sample::select(vec![
        "actor:ana",
        "actor:user:ana,system",
        "actor_type:user",
        "action:key.*",
        "action:key.lost,prod.*",
        "target:key:ana",
        "target:ab,new",
        "target_type:key,new",
        "tenant:acme",
        "tenant:acme,x",
        "request:ana,ab",
        "outcome:failure,success",
        "ip:10.0.0.0/8",
        "ip:10.0.0.7,2001:db8::/32",
        "ip:10.0.0.7",
        "metadata.k:5",
        "metadata.note:ana,\"prod db\"",
        "since:2026-01-05",
        "until:2026-01-09T00:00:00Z",
        "id:c4ca4238-a0b9-2382-0dcc-509a6f75849b,c81e728d-9d4c-2f63-6f06-7f89cc14862c",
    ]);
    let words = prop_oneof![part.clone(), prop::sample::select(TEXTS).prop_map(quoted)];
    prop_oneof![
        4 => words.clone(),
        1 => (words.clone(), words).prop_map(|(one, two)| format!("agent:{one},{two}")),
        3 => exact.prop_map(str::to_owned),
    ]
}

/// Expressions of up to three terms. Some are invalid.
pub(super) fn expression() -> impl Strategy<Value = String> {
    let signed = (prop::bool::weighted(0.3), term())
        .prop_map(|(is_excluded, term)| format!("{}{term}", if is_excluded { "-" } else { "" }));
    prop::collection::vec(signed, 1..4).prop_map(|terms| terms.join(" "))
}

pub(super) fn filters(q: &str) -> Option<Filters> {
    Filters::from_pairs([("q", q), ("intents", "all")], Timestamp::UNIX_EPOCH).ok()
}

/// The ids of the records that match in memory, in the order of a search.
fn expected(all: &[Record], filters: &Filters) -> Vec<RecordId> {
    let mut found: Vec<&Record> = all.iter().filter(|record| filters.matches(record)).collect();
    found.sort_by_key(|record| std::cmp::Reverse((record.created_at, record.id)));
    found.iter().map(|record| record.id).collect()
}

/// The ids of a page, and its cursors.
pub(super) async fn page(
    db: &mut PgConnection,
    query: &Query,
    budget: TextBudget,
) -> (Vec<RecordId>, Pagination) {
    let filters = query.filters.simplified();
    let mut tx = db.begin_with(SEARCH).await.unwrap();
    let conditions = Conditions::of((&mut *tx).into(), &filters).await.unwrap();
    let found = turn::page((&mut *tx).into(), &conditions, query, budget).await.unwrap();
    tx.rollback().await.unwrap();
    assert!(found.records.len() <= usize::from(query.limit.get()));
    let page = Page::new(query, found, &CursorKey::public());
    (page.data.iter().map(|record| record.id).collect(), page.pagination)
}

fn position(token: &str, query: &Query) -> Position {
    Position::from_token(token, &query.filters, query.order, &CursorKey::public()).unwrap()
}

/// The ids of all pages to the end, then of all pages back to the start, and how many of them ended early.
pub(super) async fn search(
    db: &mut PgConnection,
    filters: &Filters,
    order: Order,
    size: u16,
    budget: TextBudget,
) -> (Vec<RecordId>, Vec<RecordId>, usize) {
    let limit = PageSize::new(size).unwrap();
    let mut query = Query { filters: filters.clone(), limit, order, ..Query::default() };
    let (mut forward, mut early) = (Vec::new(), 0);
    let (last, mut previous) = loop {
        let (ids, pagination) = page(db, &query, budget).await;
        early += usize::from(pagination.searched_back_to.is_some());
        match pagination.next_cursor {
            Some(token) => query.position = position(&token, &query),
            None => break (ids, pagination.prev_cursor),
        }
        forward.extend(ids);
    };
    let mut back = vec![last.clone()];
    forward.extend(last);
    while let Some(token) = previous {
        query.position = position(&token, &query);
        let (ids, pagination) = page(db, &query, budget).await;
        early += usize::from(pagination.searched_back_to.is_some());
        back.push(ids);
        previous = pagination.prev_cursor;
    }
    back.reverse();
    (forward, back.concat(), early)
}

/// The matches around one of them: a part of all, which ends before and after.
async fn compare_around(
    db: &mut PgConnection,
    filters: &Filters,
    expected: &[RecordId],
    budget: TextBudget,
) {
    let Some(id) = expected.get(expected.len() / 2) else { return };
    let (limit, position) = (PageSize::new(9).unwrap(), Position::Around(*id));
    let query = Query { filters: filters.clone(), limit, position, ..Query::default() };
    let (ids, _) = page(db, &query, budget).await;
    let middle = expected.len() / 2;
    let (start, end) = (middle.saturating_sub(4), expected.len().min(middle + 5));
    assert_eq!(ids, expected[start..end], "around a record");
}

fn budget(time: Duration, candidates: (u32, u32)) -> TextBudget {
    let scan = ScanBudget { time_records: 60, value_records: 20, few: 2 };
    TextBudget { time, candidates, scan, has_index: true }
}

pub(super) const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn searches_equal_the_evaluation_in_memory() {
    let db = filled().await;
    let log = PgAuditLog::new(db.pool(db.app()).await, CursorKey::public());
    let all: Vec<Record> = log.export(Filters::default()).try_collect().await.unwrap();
    assert_eq!(all.len(), 900);
    let mut app = db.connect(db.app()).await;
    let mut runner = TestRunner::deterministic();
    let (mut compared, mut found_some, mut with_text) = (0, 0, 0);
    while compared < 240 {
        let q = expression().new_tree(&mut runner).unwrap().current();
        let Some(filters) = filters(&q) else { continue };
        let expected = expected(&all, &filters);
        // An export and a count evaluate the expression in one statement.
        let exported: Vec<Record> = log.export(filters.clone()).try_collect().await.unwrap();
        let mut exported: Vec<_> =
            exported.iter().map(|record| (record.created_at, record.id)).collect();
        exported.sort_unstable_by(|one, two| two.cmp(one));
        let exported: Vec<_> = exported.into_iter().map(|(_, id)| id).collect();
        assert!(
            exported == expected,
            "{q}: exports {} instead of {}",
            exported.len(),
            expected.len()
        );
        if filters.has_text_terms() {
            let budgets = [(7, 100), (50, 50), (700, 2_000), (2_000, 2_000)];
            let budget = budget(LONG, budgets[compared % budgets.len()]);
            let order = [Order::NewestFirst, Order::OldestFirst][compared / 4 % 2];
            let (found, back, early) = search(&mut app, &filters, order, 40, budget).await;
            compare_around(&mut app, &filters, &expected, budget).await;
            let mut expected = expected.clone();
            if order == Order::OldestFirst {
                expected.reverse();
            }
            assert!(found == expected, "{q}: finds {} instead of {}", found.len(), expected.len());
            assert!(back == expected, "{q}: back {} instead of {}", back.len(), expected.len());
            assert_eq!(early, 0);
            with_text += 1;
        }
        compared += 1;
        found_some += usize::from(!expected.is_empty());
    }
    assert!(
        found_some > 50 && with_text > 120,
        "{found_some} find records, {with_text} search in text"
    );
}

#[tokio::test]
async fn a_search_whose_time_is_over_goes_on_where_it_stopped() {
    let db = filled().await;
    let log = PgAuditLog::new(db.pool(db.app()).await, CursorKey::public());
    let all: Vec<Record> = log.export(Filters::default()).try_collect().await.unwrap();
    let mut app = db.connect(db.app()).await;
    for q in
        ["prod", "nothing", "-ana", "東京 actor_type:user,api_key", "prod* ip:10.0.0.7 tenant:acme"]
    {
        let filters = filters(q).unwrap();
        let mut expected = expected(&all, &filters);
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let budget = budget(Duration::ZERO, (100, 100));
            let (found, back, early) = search(&mut app, &filters, order, 300, budget).await;
            assert!(found == expected, "{q} finds {} instead of {}", found.len(), expected.len());
            assert!(back == expected, "{q} back {} instead of {}", back.len(), expected.len());
            assert!(early > 0, "{q} never stops early");
            expected.reverse();
        }
    }
}
