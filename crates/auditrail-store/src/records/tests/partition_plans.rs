//! The plans of statements on a partitioned table: which partitions they read.

use auditrail_core::{CursorKey, ProvidedFields, Query};
use auditrail_testkit::TestDb;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::records::read::conditions::Conditions;
use crate::records::read::driving_index::DrivingIndex;
use crate::records::read::scan::{Direction, Scan};
use crate::records::read::search::{SEARCH, WALK, beginning, find};
use crate::records::read::{get, page};

/// The number of partitions of [`TestDb::spread_over_partitions`].
const PARTITIONS: usize = 6;

async fn spread() -> TestDb {
    let db = TestDb::migrated().await;
    db.as_owner(
        "insert into control_plane.audit_logs
             (id, actor_id, actor_type, action, target_type, target_id, ip_address, tenant_id, request_id, outcome,
              created_at)
         select lpad(to_hex(n), 32, '0')::uuid, 'u' || n % 9, 'user', 'project.created', 'project', 'p' || n % 7,
                '10.0.0.1', 't' || n % 5, 'r' || n / 2, 'denied', timestamptz '2024-01-01Z' + n * interval '1 second'
           from generate_series(1, 2100) n",
    )
    .await;
    db.spread_over_partitions().await;
    db
}

/// The plan of a statement with these literals for its parameters.
async fn plan(db: &mut PgConnection, mode: &str, text: &str, values: &[String]) -> Value {
    let execute = format!("execute explained({})", values.join(", "));
    for statement in
        [format!("set local plan_cache_mode = {mode}"), format!("prepare explained as {text}")]
    {
        db.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.unwrap();
    }
    let explain = format!("explain (analyze, format json) {execute}");
    let Json(mut plans): Json<Value> =
        sqlx::query_scalar(AssertSqlSafe(explain)).fetch_one(&mut *db).await.unwrap();
    db.execute("deallocate explained").await.unwrap();
    plans[0]["Plan"].take()
}

/// Every node of a plan, the topmost first.
fn nodes(plan: &Value) -> Vec<&Value> {
    let below = plan.get("Plans").and_then(Value::as_array);
    let below = below.into_iter().flatten().flat_map(nodes);
    std::iter::once(plan).chain(below).collect()
}

/// The types of the nodes.
fn types(plan: &Value) -> Vec<&str> {
    nodes(plan).iter().map(|node| node["Node Type"].as_str().unwrap()).collect()
}

/// How many times the partitions of the log were read.
fn reads(plan: &Value) -> u64 {
    let scans = nodes(plan).into_iter().filter(|node| node.get("Relation Name").is_some());
    scans.map(|node| node["Actual Loops"].as_u64().unwrap()).sum()
}

fn literal(id: u128) -> String {
    format!("'{}'", Uuid::from_u128(id))
}

#[tokio::test]
async fn walks_merge_an_index_scan_of_each_partition() {
    let db = spread().await;
    let mut app = db.connect(db.app()).await;
    for (parameters, values) in [
        ("", vec![]),
        ("actor_id=u1", vec!["'u1'".to_owned()]),
        ("target_id=p1", vec!["'p1'".to_owned()]),
        ("tenant_id=t1", vec!["'t1'".to_owned()]),
        ("request_id=r7", vec!["'r7'".to_owned()]),
        ("action=project.created", vec!["'project.created'".to_owned()]),
        ("outcome=denied", vec![]),
        (
            "start_date=2020-01-01T00:00:00Z&end_date=2120-01-01T00:00:00Z",
            vec!["'2020-01-01'".to_owned(), "'2120-01-01'".to_owned()],
        ),
    ] {
        let pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
        let filters =
            Query::from_pairs(pairs, &CursorKey::public(), Timestamp::UNIX_EPOCH).unwrap().filters;
        let mut tx = app.begin_with(WALK).await.unwrap();
        let conditions = Conditions::of((&mut *tx).into(), &filters).await.unwrap();
        let index = DrivingIndex::only(&filters).unwrap();
        let sql = page::walk(index, &conditions, 100, Scan::newest_first(), None);
        // The rows to walk and those of the page.
        let values = [values, vec!["101".to_owned(), "101".to_owned()]].concat();
        let plan = plan(&mut tx, "force_generic_plan", sql.text(), &values).await;
        tx.rollback().await.unwrap();
        let types = types(&plan);
        let count = |kind: &str| types.iter().filter(|node| **node == kind).count();
        assert_eq!(count("Merge Append"), 1, "{parameters}: {plan:#}");
        assert_eq!(count("Index Scan"), PARTITIONS, "{parameters}: {plan:#}");
        assert_eq!(count("Sort"), 1, "only the page is sorted: {parameters}: {plan:#}");
        assert_eq!(count("Seq Scan") + count("Incremental Sort"), 0, "{parameters}: {plan:#}");
        let walked = nodes(&plan).into_iter().find(|node| node["Node Type"] == "Merge Append");
        let rows = walked.and_then(|node| node["Actual Rows"].as_f64()).unwrap();
        assert!(rows <= 103.0, "no more rows are read than the page has: {parameters}: {plan:#}");
    }
}

/// Planning takes longer than the walks where many partitions are attached.
#[tokio::test]
async fn walks_of_a_search_are_planned_once_for_each_connection() {
    let db = spread().await;
    let mut app = db.connect(db.app()).await;
    let pairs = [("actor_type", "user"), ("limit", "1")];
    let query = Query::from_pairs(pairs, &CursorKey::public(), Timestamp::UNIX_EPOCH).unwrap();
    for _ in 0..2 {
        let mut tx = app.begin_with(beginning(&query)).await.unwrap();
        let found = find((&mut *tx).into(), &query).await.unwrap();
        assert_eq!(found.records.len(), 1);
        tx.rollback().await.unwrap();
    }
    let plans = "select coalesce(sum(custom_plans), 0)::int8, coalesce(sum(generic_plans), 0)::int8
                   from pg_prepared_statements where statement like '%control_plane.audit_logs%'";
    let (custom, generic): (i64, i64) = sqlx::query_as(plans).fetch_one(&mut app).await.unwrap();
    assert!(custom == 0 && generic >= 4, "{custom} made anew, {generic} kept");
}

#[tokio::test]
async fn ranges_are_read_one_after_the_other_by_index_scans() {
    let db = spread().await;
    let mut app = db.connect(db.app()).await;
    for (parameters, own) in [("", vec![]), ("actor_id=u1", vec!["'u1'".to_owned()])] {
        let pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
        let query = Query::from_pairs(pairs, &CursorKey::public(), Timestamp::UNIX_EPOCH).unwrap();
        let filters = query.filters;
        let mut tx = app.begin_with(SEARCH).await.unwrap();
        let conditions = Conditions::of((&mut *tx).into(), &filters).await.unwrap();
        for direction in [Direction::Older, Direction::Newer] {
            let sql = page::within(&conditions, direction);
            let times = |first: &str| format!("array['{first}', 'infinity']::timestamptz[]");
            let ids = format!("array[{0}, {0}]::uuid[]", literal(0));
            let mut values = vec![times("2000-01-01"), ids.clone(), times("2100-01-01"), ids];
            values.extend(own.iter().cloned());
            values.push("100".to_owned());
            let plan = plan(&mut tx, "force_custom_plan", sql.text(), &values).await;
            let types = types(&plan);
            let count = |kind: &str| types.iter().filter(|node| **node == kind).count();
            assert_eq!(count("Nested Loop"), 1, "{parameters}: {plan:#}");
            assert_eq!(count("Merge Append"), 1, "{parameters}: {plan:#}");
            assert_eq!(count("Index Scan"), PARTITIONS, "{parameters}: {plan:#}");
            assert_eq!(count("Sort") + count("Seq Scan"), 0, "{parameters}: {plan:#}");
        }
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn record_is_read_from_its_partition_alone() {
    let db = spread().await;
    let mut app = db.connect(db.app()).await;
    let mut tx = app.begin().await.unwrap();
    let sql = get::by_id_sql(Uuid::from_u128(700).into());
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let plan = plan(&mut tx, mode, sql.text(), &[literal(700)]).await;
        assert_eq!(reads(&plan), 1, "{mode}: {plan:#}");
        let scans = nodes(&plan).iter().filter(|n| n.get("Relation Name").is_some()).count();
        assert_eq!(scans, 1, "{mode}: {plan:#}");
    }
    // Both records are in one partition.
    let ids = format!("array[{}, {}]::uuid[]", literal(701), literal(702));
    let sql = "select id from control_plane.audit_logs where id = any($1)";
    let plan = plan(&mut tx, "force_custom_plan", sql, &[ids]).await;
    assert_eq!(reads(&plan), 1, "{plan:#}");
}

#[tokio::test]
async fn comparison_reads_one_partition_for_each_record() {
    let db = spread().await;
    let mut app = db.connect(db.app()).await;
    let records: Vec<_> = [1_u128, 700, 2_100, 5_000]
        .map(|n| {
            let input = auditrail_core::CreateInput::new(
                auditrail_core::Actor::user("u1").unwrap(),
                auditrail_core::Action::ProjectCreated,
                "project:p1".parse().unwrap(),
            );
            let time = auditrail_core::RecordTime::from_unix_micros(0).unwrap();
            input.into_record(Uuid::from_u128(n).into(), time)
        })
        .into();
    let columns = crate::records::write::Columns::of(&records);
    let sql = crate::records::write::compare_sql(&columns, &[ProvidedFields::ALL; 4]);
    let ids = records.iter().map(|record| literal(record.id.as_uuid().as_u128()));
    let ids = format!("array[{}]::uuid[]", ids.collect::<Vec<_>>().join(", "));
    let others = sql.parameters().count() - 1;
    let values: Vec<String> =
        std::iter::once(ids).chain(std::iter::repeat_n("null".to_owned(), others)).collect();
    let mut tx = app.begin().await.unwrap();
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let plan = plan(&mut tx, mode, sql.text(), &values).await;
        assert_eq!(reads(&plan), records.len() as u64, "{mode}: {plan:#}");
    }
}
