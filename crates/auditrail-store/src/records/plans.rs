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
use sqlx::{AssertSqlSafe, Executor, PgConnection, QueryBuilder};
use uuid::Uuid;

use super::filters::Conditions;
use super::{PgAuditLog, page};

const RECORDS: u64 = 1_000_000;
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Thirty days; few busy actors and many quiet ones, targets likewise, forty actions of which some
/// are rare. `power` gives the skew: half of all records belong to an eighth of the actors.
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
    /// The indexes that fit when the values are known, which is how searches run.
    own: &'static [&'static str],
    /// And when they are not.
    generic: &'static [&'static str],
}

fn actor(id: &str) -> Filters {
    Filters {
        actor_id: id.parse().ok(),
        ..Filters::default()
    }
}

fn target(id: &str) -> Filters {
    Filters {
        target_id: id.parse().ok(),
        ..Filters::default()
    }
}

fn action(text: &str) -> Filters {
    Filters {
        action: text.parse().ok(),
        ..Filters::default()
    }
}

fn on_day(filters: Filters) -> Filters {
    let time = |micros| RecordTime::from_unix_micros(micros).ok();
    Filters {
        created_at: TimeRange::new(time(START + 9 * DAY), time(START + 10 * DAY)).unwrap(),
        ..filters
    }
}

fn cases() -> Vec<Case> {
    const CREATED: &str = "idx_audit_logs_created_at";
    const ACTOR: &str = "idx_audit_logs_actor_created";
    const TARGET: &str = "idx_audit_logs_target_created";
    const ACTION: &str = "idx_audit_logs_action";
    let case = |name, filters, own, generic| Case {
        name,
        filters,
        own,
        generic,
    };
    vec![
        case("everything", Filters::default(), &[CREATED], &[CREATED]),
        case(
            "one day",
            on_day(Filters::default()),
            &[CREATED],
            &[CREATED],
        ),
        case("a quiet actor", actor("u1900"), &[ACTOR], &[ACTOR]),
        case("a busy actor", actor("u5"), &[ACTOR], &[ACTOR]),
        // One record in twelve: walking back in time is as quick a way to a page of them.
        case(
            "the busiest actor",
            actor("u0"),
            &[ACTOR, CREATED],
            &[ACTOR],
        ),
        case(
            "an actor on one day",
            on_day(actor("u5")),
            &[ACTOR],
            &[ACTOR],
        ),
        case("a quiet target", target("p19000"), &[TARGET], &[TARGET]),
        case("a busy target", target("p50"), &[TARGET], &[TARGET]),
        case(
            "the busiest target",
            target("p0"),
            &[TARGET, CREATED],
            &[TARGET],
        ),
        // A page of a common action is soon found by walking back in time; a rare one needs its own
        // index, and that it is rare shows in the values only.
        case(
            "a common action",
            action("project.verb0"),
            &[CREATED],
            &[CREATED],
        ),
        case(
            "an action nobody did",
            action("no.such"),
            &[ACTION],
            &[CREATED],
        ),
        case(
            "all of a resource",
            action("project.*"),
            &[CREATED],
            &[CREATED],
        ),
        case("a resource nobody has", action("nothing.*"), &[], &[]),
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

/// What is wrong with a plan, if anything.
fn fault(name: &str, wanted: &[&str], plans: &serde_json::Value) -> Option<String> {
    let (mut indexes, mut scans) = (Vec::new(), Vec::new());
    walk(&plans[0]["Plan"], &mut indexes, &mut scans);
    let intended = |index: &String| wanted.contains(&index.as_str());
    let good =
        scans.is_empty() && indexes.is_empty() == wanted.is_empty() && indexes.iter().all(intended);
    (!good).then(|| format!("{name}: uses {indexes:?}, not {wanted:?}; scans in {scans:?}"))
}

async fn faults(db: &mut PgConnection, case: &Case, position: Position) -> Vec<String> {
    let conditions = Conditions::of(db, &case.filters).await.unwrap();
    let mut select = QueryBuilder::new("");
    page::push_select(&mut select, &conditions, PageSize::default(), position);
    let mut explain = QueryBuilder::new("explain (format json) ");
    page::push_select(&mut explain, &conditions, PageSize::default(), position);

    // What runs: planned for the values it is given.
    let Json(own) = explain
        .build_query_scalar()
        .persistent(false)
        .fetch_one(&mut *db)
        .await
        .unwrap();
    // What runs where something in between keeps prepared statements: planned for any values.
    let generic = generic(db, select.sql().as_str()).await;
    let faults = [
        fault(case.name, case.own, &own),
        fault(
            &format!("{}, for any values", case.name),
            case.generic,
            &generic,
        ),
    ];
    faults.into_iter().flatten().collect()
}

async fn generic(db: &mut PgConnection, text: &str) -> serde_json::Value {
    let values = (1..)
        .take_while(|n| text.contains(&format!("${n}")))
        .count();
    let nulls = vec!["null"; values].join(", ");
    let arguments = if values == 0 {
        String::new()
    } else {
        format!("({nulls})")
    };
    for statement in [
        "set plan_cache_mode = force_generic_plan".to_owned(),
        format!("prepare auditrail_page as {text}"),
    ] {
        db.execute(sqlx::raw_sql(AssertSqlSafe(statement)))
            .await
            .unwrap();
    }
    let explain = format!("explain (format json) execute auditrail_page{arguments}");
    let Json(plans) = sqlx::query_scalar(AssertSqlSafe(explain))
        .fetch_one(&mut *db)
        .await
        .unwrap();
    let reset = "deallocate auditrail_page; reset plan_cache_mode";
    db.execute(sqlx::raw_sql(reset)).await.unwrap();
    plans
}

/// Resident memory of this process, in KiB, from `/proc/self/status`.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_ascii_whitespace().nth(1).unwrap();
    kib.parse().unwrap()
}

#[tokio::test]
async fn a_million_records_are_searched_by_index_and_exported_in_constant_memory() {
    let db = million().await;
    let mut app = db.connect(db.app()).await;
    let mut wrong = Vec::new();
    for case in cases() {
        for position in positions() {
            wrong.extend(faults(&mut app, &case, position).await);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    let log = PgAuditLog::new(db.pool(db.app()).await, CursorKey::public());
    let mut export = Box::pin(log.export(Filters::default()));
    let (mut seen, mut last, mut early) = (0_u64, None, 0);
    while let Some(record) = export.try_next().await.unwrap() {
        let place = Some((record.created_at, record.id));
        assert!(last < place, "not in order after {seen} records");
        last = place;
        seen += 1;
        if seen == RECORDS / 10 {
            early = resident_kib();
        }
    }
    assert_eq!(seen, RECORDS);
    let grown = resident_kib().saturating_sub(early);
    assert!(
        grown < 4 * 1_024,
        "the last nine tenths took {grown} KiB more"
    );
}
