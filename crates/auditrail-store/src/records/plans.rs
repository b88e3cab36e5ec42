//! What PostgreSQL makes of our searches at a million records: the intended index, never a scan of
//! the table, and constant memory for an export.
//!
//! Here and not beside the other tests, because it asks for the plan of the very statements that
//! [`super::page`] runs, which no caller can see.

use std::fs;

use auditrail_core::{Cursor, CursorKey, Filters, PageSize, Position, RecordTime, TimeRange};
use auditrail_testkit::TestDb;
use futures_util::TryStreamExt;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::filters::Conditions;
use super::{PgAuditLog, page};

const RECORDS: u64 = 1_000_000;
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Thirty days; few busy actors and many quiet ones, targets likewise, forty actions of which some
/// are rare. `power` gives the skew: half of all records belong to the first eighth of the actors.
const FILL: &str = "insert into control_plane.audit_logs
        (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, created_at)
    select lpad(to_hex(n), 32, '0')::uuid,
           'u' || floor(2000 * power(a, 3)),
           'user',
           (array['project', 'key', 'user', 'secret', 'audit'])[1 + floor(5 * power(c, 4))::int]
               || '.verb' || floor(8 * power(b, 2)),
           'project',
           'p' || floor(20000 * power(b, 3)),
           '{\"plan\": \"pro\"}',
           '10.0.0.0'::inet + (n % 65536),
           timestamptz '2026-01-01 00:00:00Z' + n * interval '2.592 seconds'
      from (select n, random() a, random() b, random() c from generate_series(1, 1000000) n) r";

/// The table with [`RECORDS`] rows, indexes built at the end because that takes a third of the time.
async fn million() -> TestDb {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "select format('%I.%I', schemaname, indexname), indexdef from pg_indexes
          where schemaname = 'control_plane' and tablename = 'audit_logs' and indexname like 'idx%'",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let mut script = "begin; select setseed(0.5);".to_owned();
    for (name, _) in &indexes {
        script += &format!("drop index {name};");
    }
    script += &format!("{FILL};");
    for (_, definition) in &indexes {
        script += &format!("{definition};");
    }
    script += "commit; vacuum analyze control_plane.audit_logs";
    for statement in script.split(';') {
        let done = owner.execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned())));
        done.await.unwrap();
    }
    db
}

struct Case {
    name: &'static str,
    filters: Filters,
    indexes: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    const CREATED: &str = "idx_audit_logs_created_at";
    let time = |micros| RecordTime::from_unix_micros(micros).ok();
    let day = TimeRange::new(time(START + 9 * DAY), time(START + 10 * DAY)).unwrap();
    let all = Filters::default;
    let actor = |id: &str| Filters { actor_id: id.parse().ok(), ..all() };
    let target = |id: &str| Filters { target_id: id.parse().ok(), ..all() };
    let action = |text: &str| Filters { action: text.parse().ok(), ..all() };
    let case = |name, filters, indexes| Case { name, filters, indexes };
    vec![
        case("everything", all(), &[CREATED]),
        case("a busy actor", actor("u0"), &["idx_audit_logs_actor_created"]),
        case("a quiet actor", actor("u1900"), &["idx_audit_logs_actor_created"]),
        case("a busy target", target("p0"), &["idx_audit_logs_target_created"]),
        case("a quiet target", target("p19000"), &["idx_audit_logs_target_created"]),
        // Walking back in time soon finds a page of a common action; a rare one has its index.
        case("a common action", action("project.verb0"), &[CREATED]),
        case("a rare action", action("audit.verb7"), &["idx_audit_logs_action", CREATED]),
        case("an action nobody did", action("no.such"), &["idx_audit_logs_action"]),
        case("all actions of a resource", action("project.*"), &[CREATED]),
        case("a resource nobody has", action("nothing.*"), &["idx_audit_logs_action"]),
        case("one day", Filters { created_at: day, ..all() }, &[CREATED]),
        case(
            "an actor on one day",
            Filters { created_at: day, ..actor("u0") },
            &["idx_audit_logs_actor_created", CREATED],
        ),
    ]
}

/// The first page, and the page a hundred pages on.
fn positions() -> [Position; 2] {
    let deep = Cursor {
        created_at: RecordTime::from_unix_micros(START + 29 * DAY).unwrap(),
        id: Uuid::from_u128(970_000).into(),
    };
    [Position::Offset(0), Position::After(deep)]
}

/// The indexes a plan uses, and the tables it scans.
fn walk(plan: &serde_json::Value, indexes: &mut Vec<String>, scans: &mut Vec<String>) {
    if let Some(index) = plan.get("Index Name") {
        indexes.push(index.as_str().unwrap().to_owned());
    }
    if plan["Node Type"].as_str().unwrap().contains("Seq Scan") {
        scans.push(plan.to_string());
    }
    let below = plan.get("Plans").and_then(serde_json::Value::as_array);
    for plan in below.into_iter().flatten() {
        walk(plan, indexes, scans);
    }
}

fn check(case: &Case, kind: &str, plans: &serde_json::Value) {
    let (mut indexes, mut scans) = (Vec::new(), Vec::new());
    walk(&plans[0]["Plan"], &mut indexes, &mut scans);
    let name = case.name;
    assert!(scans.is_empty(), "{name}, {kind}: scans the table: {plans:#}");
    let intended = |index: &String| case.indexes.contains(&index.as_str());
    assert!(
        !indexes.is_empty() && indexes.iter().all(intended),
        "{name}, {kind}: uses {indexes:?}, not {:?}: {plans:#}",
        case.indexes
    );
}

async fn plan(db: &mut PgConnection, case: &Case, position: Position) {
    let conditions = Conditions::of(db, &case.filters).await.unwrap();
    let size = PageSize::default();
    let mut statement = page::statement(&conditions, size, position);
    let text = statement.sql().as_str().to_owned();

    // What runs: planned for the values it is given.
    let values = statement.build().take_arguments_of(&text, db).await;
    check(case, "its own plan", &values);
    // What runs where something in between keeps prepared statements: planned for any values.
    check(case, "the generic plan", &generic(db, &text).await);
}

async fn generic(db: &mut PgConnection, text: &str) -> serde_json::Value {
    let values = (1..).take_while(|n| text.contains(&format!("${n}"))).count();
    let nulls = vec!["null"; values].join(", ");
    let arguments = if values == 0 { String::new() } else { format!("({nulls})") };
    for statement in [
        "set plan_cache_mode = force_generic_plan".to_owned(),
        format!("prepare auditrail_page as {text}"),
    ] {
        db.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.unwrap();
    }
    let explain = format!("explain (format json) execute auditrail_page{arguments}");
    let Json(plans) = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_one(&mut *db).await.unwrap();
    let reset = "deallocate auditrail_page; reset plan_cache_mode";
    db.execute(sqlx::raw_sql(reset)).await.unwrap();
    plans
}
