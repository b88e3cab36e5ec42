//! Searches return exactly what the plain statement does, in its order, with any scan budget.
//!
//! A unit test, because the scan budget is not part of the interface.

use std::borrow::Cow;
use std::collections::HashSet;

use auditrail_core::{
    Cursor, Filters, Found, Intents, Order, PageSize, Position, Query, Record, RecordId,
};
use auditrail_testkit::TestDb;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::db::Db;
use crate::records::columns::{self, column_list};
use crate::records::read::conditions::Conditions;
use crate::records::read::driving_index::ScanBudget;
use crate::records::read::search::beginning;
use crate::records::read::text_search::TextBudget;
use crate::records::read::turn;
use crate::sql::Sql;

const RECORDS: usize = 2_400;

/// Random combinations of values. Three records share each time; times come in bursts with long gaps, and
/// some are outside the range. Ids are in no order. Metadata is an object, a list, a text, `null` or
/// missing, with values of every type.
const FILL: &str = r#"insert into control_plane.audit_logs
    (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, created_at,
     tenant_id, request_id, outcome)
select md5(n::text)::uuid,
       case when kind = 'system' then 'system' else 'u' || floor(30 * power(a, 4)) end, kind,
       (array['project.made', 'project.gone', 'Project.made', 'project-x.made', 'key.made',
              'key.lost', 'odd'])[1 + floor(7 * power(b, 3))::int],
       (array['project', 'key', 'bucket', 'ü'])[1 + floor(4 * power(c, 3))::int],
       't' || floor(20 * power(c, 4)),
       (array['{"k": "5", "p": "pro"}', '{"k": 5, "p": "pro"}', '{"k": 5.0}', '{"k": true}',
              '{"k": "true"}', '{"k": null}', '{"k": "null"}', '{"k": {"a": 1}}', '{"k": "{\"a\": 1}"}',
              '{"k": ["x"]}', '{"k": []}', '{"k": ""}', '["k"]', '"k"', '5', 'null', null,
              '{"p": "pro"}', '{"p": "free"}', '{}', '{"a.b": 5}', '{"a": {"b": "5"}}',
              '{"a": {"b": {"c": 5}}}', '{"a": [5, {"b": 5}]}', '{"a": "b", "a.b": "6"}'])
              [1 + floor(25 * power(d, 2))::int]::jsonb,
       (array['10.0.0.1', '::ffff:10.0.0.1', '10.0.0.2', '10.1.0.1', '10.0.0.1/8', '2001:db8::1',
              '::ffff:10.1.0.1', null])[1 + floor(8 * power(e, 2))::int]::inet,
       case when n % 97 = 0 then 'infinity' when n % 89 = 0 then '-infinity'
            when n % 83 = 0 then '200000-01-01' when n % 79 = 0 then '0010-01-01 BC'
            else timestamptz '2026-01-01 00:00:00Z' + n / 3 * interval '1 second'
                 + n / 300 * interval '40 days' end,
       case when f < 0.7 then 'acme' when f < 0.8 then 'rare' end,
       case when f < 0.05 then 'job' when f < 0.9 then 'r' || n / 2 end,
       (array['success', null, 'failure', 'denied', 'unknown'])[1 + floor(5 * power(g, 2))::int]
  from (select n, random() a, random() b, random() c, random() d, random() e, random() f, random() g,
               (array['user', 'api_key', 'system'])[1 + floor(3 * power(random(), 2))::int] as kind
          from generate_series(1, 2400) n) r"#;

/// Single filters: the parameter, and the equivalent condition.
const SINGLE: &[(&str, &str, &str)] = &[
    ("actor_id", "u0", "actor_id = 'u0'"),
    ("actor_id", "u17", "actor_id = 'u17'"),
    ("actor_id", "unknown", "actor_id = 'unknown'"),
    ("actor_type", "system", "actor_type = 'system'"),
    ("actor_type", "api_key", "actor_type = 'api_key'"),
    ("action", "project.made", "action = 'project.made'"),
    ("action", "key.lost", "action = 'key.lost'"),
    ("action", "project.*", "starts_with(action, 'project.')"),
    ("action", "key.*", "starts_with(action, 'key.')"),
    ("action", "nothing.*", "false"),
    ("target_type", "project", "target_type = 'project'"),
    ("target_type", "ü", "target_type = 'ü'"),
    ("target_type", "none", "false"),
    ("target_id", "t0", "target_id = 't0'"),
    ("target_id", "t19", "target_id = 't19'"),
    ("tenant_id", "acme", "tenant_id = 'acme'"),
    ("tenant_id", "rare", "tenant_id = 'rare'"),
    ("request_id", "job", "request_id = 'job'"),
    ("request_id", "r77", "request_id = 'r77'"),
    ("outcome", "success", "outcome = 'success'"),
    ("outcome", "failure", "outcome = 'failure'"),
    ("outcome", "unknown", "outcome = 'unknown'"),
    ("intents", "all", "true"),
    ("ip_address", "10.0.0.1", "ip_address = any('{10.0.0.1, ::ffff:10.0.0.1}')"),
    ("ip_address", "::ffff:10.0.0.1", "ip_address = any('{10.0.0.1, ::ffff:10.0.0.1}')"),
    ("ip_address", "10.1.0.1", "ip_address = any('{10.1.0.1, ::ffff:10.1.0.1}')"),
    (
        "ip_address",
        "10.0.0.0/16",
        "(ip_address <<= '10.0.0.0/16' or ip_address <<= '::ffff:10.0.0.0/112')",
    ),
    (
        "ip_address",
        "::ffff:10.9.0.1/104",
        "(ip_address <<= '10.0.0.0/8' or ip_address <<= '::ffff:10.0.0.0/104')",
    ),
    ("ip_address", "2001:db8::/32", "ip_address <<= '2001:db8::/32'"),
    ("metadata.k", "5", "metadata ->> 'k' = '5'"),
    ("metadata.k", "5.0", "metadata ->> 'k' = '5.0'"),
    ("metadata.k", "true", "metadata ->> 'k' = 'true'"),
    ("metadata.k", "null", "metadata ->> 'k' = 'null'"),
    ("metadata.k", "", "metadata ->> 'k' = ''"),
    ("metadata.k", "{\"a\": 1}", "metadata ->> 'k' = '{\"a\": 1}'"),
    ("metadata.k", "[]", "metadata ->> 'k' = '[]'"),
    ("metadata.a.b", "5", "(metadata ->> 'a.b' = '5' or metadata -> 'a' ->> 'b' = '5')"),
    ("metadata.a.0", "5", "metadata -> 'a' ->> '0' = '5'"),
    ("metadata.p", "pro", "metadata ->> 'p' = 'pro'"),
    ("start_date", "2026-03-01T00:00:00Z", "created_at >= '2026-03-01 00:00:00Z'"),
    ("end_date", "2026-09-15T00:00:00Z", "created_at < '2026-09-15 00:00:00Z'"),
];

/// A search, and the equivalent condition.
type Search = (Filters, String);

/// Every filter and every pair of filters.
fn searches() -> Vec<Search> {
    let mut searches = vec![(Filters::default(), "true".to_owned())];
    for (place, (name, value, condition)) in SINGLE.iter().enumerate() {
        searches.push((filters(&[(name, value)]), (*condition).to_owned()));
        for (other, text, also) in &SINGLE[place + 1..] {
            if name != other {
                let both = filters(&[(name, value), (other, text)]);
                searches.push((both, format!("{condition} and {also}")));
            }
        }
    }
    searches
}

fn filters(pairs: &[(&str, &str)]) -> Filters {
    let pairs = pairs.iter().map(|(name, value)| (Cow::from(*name), *value));
    Filters::from_pairs(pairs, Timestamp::UNIX_EPOCH).unwrap()
}

/// The ids of all matches by the plain statement, in its order.
async fn plain(db: &mut PgConnection, condition: &str) -> Vec<RecordId> {
    let sql = format!(
        "select id from control_plane.audit_logs where {condition} order by created_at desc, id desc"
    );
    let ids: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(db).await.unwrap();
    ids.into_iter().map(RecordId::from).collect()
}

/// A page.
async fn search(db: &mut PgConnection, query: &Query, budget: ScanBudget) -> Found {
    let mut tx = db.begin_with(beginning(query)).await.unwrap();
    let conditions = Conditions::of((&mut *tx).into(), &query.filters).await.unwrap();
    let budget = TextBudget { scan: budget, ..TextBudget::default() };
    let page = turn::page((&mut *tx).into(), &conditions, query, budget).await;
    tx.rollback().await.unwrap();
    page.unwrap()
}

fn ids(records: &[Record]) -> Vec<RecordId> {
    records.iter().map(|record| record.id).collect()
}

fn cursor(record: &Record) -> Cursor {
    Cursor { created_at: record.created_at, id: record.id }
}

/// Compares every page to the end and back, one by offset, and one around a record.
async fn compare(
    db: &mut PgConnection,
    (filters, condition): &Search,
    expected: &[RecordId],
    order: Order,
    budget: ScanBudget,
) {
    let context = format!("{condition} {} with {budget:?}", order.as_str());
    let limit = PageSize::new(170).unwrap();
    let mut query = Query { filters: filters.clone(), limit, order, ..Query::default() };
    let mut all = Vec::new();
    let last = loop {
        let page = search(db, &query, budget).await;
        all.extend(ids(&page.records));
        assert!(all.len() <= RECORDS, "the pages of {context} never end");
        match page.records.last().filter(|_| page.has_more) {
            Some(last) => query.position = Position::After(cursor(last)),
            None => break page,
        }
    };
    assert!(all == expected, "{context}");
    let mut page = last;
    let mut back = vec![ids(&page.records)];
    while let Some(first) = page.records.first().filter(|_| page.has_previous) {
        query.position = Position::Before(cursor(first));
        page = search(db, &query, budget).await;
        assert!(page.has_more || page.records.is_empty(), "{context} backwards");
        back.push(ids(&page.records));
        assert!(back.len() <= RECORDS, "the pages of {context} never end backwards");
    }
    back.reverse();
    assert!(back.concat() == expected, "{context} backwards");

    let middle = expected.len() / 2;
    let rest = &expected[middle..];
    query.limit = PageSize::new(9).unwrap();
    query.position = Position::Offset(middle as u64);
    let page = search(db, &query, budget).await;
    assert!(ids(&page.records) == rest[..rest.len().min(9)], "{context} by offset");
    assert_eq!((page.has_previous, page.has_more), (middle > 0, rest.len() > 9), "{context}");
    let Some(id) = expected.get(middle) else { return };
    query.position = Position::Around(*id);
    let page = search(db, &query, budget).await;
    let (start, end) = (middle.saturating_sub(4), expected.len().min(middle + 5));
    assert!(ids(&page.records) == expected[start..end], "{context} around a record");
    let more = (start > 0, end < expected.len());
    assert_eq!((page.has_previous, page.has_more), more, "{context} around a record");
}

/// All records.
async fn all(db: &mut PgConnection) -> Vec<Record> {
    let filters = Filters { intents: Some(Intents::All), ..Filters::default() };
    let conditions = Conditions::without_index(&filters);
    let mut sql = Sql::new(concat!("select ", column_list!()));
    conditions.push_from_where(&mut sql);
    let rows = Db::from(db).fetch(&sql).await.unwrap();
    rows.iter().map(|row| columns::record(row).unwrap()).collect()
}

/// Compares the matches that are found in memory, as for the listeners of a tail.
fn compare_in_memory(all: &[Record], (filters, condition): &Search, expected: &[RecordId]) {
    let found: HashSet<_> =
        all.iter().filter(|record| filters.matches(record)).map(|record| record.id).collect();
    let expected: HashSet<_> = expected.iter().copied().collect();
    assert!(found == expected, "{condition} differs in memory");
}

#[tokio::test]
async fn searches_equal_the_plain_statement_with_any_budget() {
    let db = TestDb::plain().await;
    fill(&db).await;
    assert_equal(&db, searches().into_iter()).await;
}

#[tokio::test]
async fn searches_of_several_partitions_equal_the_plain_statement() {
    assert_equal_on_partitions(searches().into_iter().step_by(2)).await;
}

#[tokio::test]
async fn other_searches_of_several_partitions_equal_the_plain_statement() {
    assert_equal_on_partitions(searches().into_iter().skip(1).step_by(2)).await;
}

async fn assert_equal_on_partitions(searches: impl Iterator<Item = Search>) {
    let db = TestDb::migrated().await;
    fill(&db).await;
    db.spread_over_partitions().await;
    assert_equal(&db, searches).await;
}

async fn fill(db: &TestDb) {
    // Some times are outside the range, as in rows from before migration 014.
    let fill = format!(
        "alter table control_plane.audit_logs drop constraint audit_logs_created_at_check;
         select setseed(0.5); {FILL}; analyze control_plane.audit_logs"
    );
    db.as_owner(&fill).await;
}

async fn assert_equal(db: &TestDb, searches: impl Iterator<Item = Search>) {
    let mut app = db.connect(db.app()).await;
    app.execute("set plan_cache_mode = force_custom_plan").await.unwrap();
    let budget = |time_records, value_records, few| ScanBudget { time_records, value_records, few };
    let budgets = [budget(40, 15, 0), budget(40, 15, 8), budget(400, 100, 0)];
    let all = all(&mut app).await;
    for (number, search) in searches.enumerate() {
        let mut expected = plain(&mut app, &search.1).await;
        let budget = budgets[number % budgets.len()];
        compare_in_memory(&all, &search, &expected);
        compare(&mut app, &search, &expected, Order::NewestFirst, budget).await;
        if number % 16 == 0 {
            compare(&mut app, &search, &expected, Order::NewestFirst, ScanBudget::default()).await;
        }
        expected.reverse();
        compare(&mut app, &search, &expected, Order::OldestFirst, budget).await;
    }
}
