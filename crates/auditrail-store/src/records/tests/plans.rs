//! The plans of searches in a large log: a page reads few records and never scans the table, and an export
//! takes constant memory.
//!
//! A unit test, because it queries the statistics within the transaction of a search.

use std::fs;

use auditrail_core::{CursorKey, Filters, Order, Position, Query};
use auditrail_testkit::TestDb;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::records::PgAuditLog;
use crate::records::read::conditions::Conditions;
use crate::records::read::driving_index::DrivingIndex;
use crate::records::read::scan::{Direction, Scan};
use crate::records::read::search::{SEARCH, beginning};
use crate::records::read::text_search::TextBudget;
use crate::records::read::{page, turn};

const RECORDS: u64 = 400_000;
/// Most records that a page of 100 may read: one in twenty of all.
const READ_MAX: i64 = 20_000;

/// Thirty days; few busy actors and many quiet ones, targets likewise, forty actions of which some
/// are rare. `power` gives the skew: half of all records belong to an eighth of the actors. `mid` has
/// three records in a thousand of each kind of value, `last` had many and has none for a week.
const FILL: &str = "insert into control_plane.audit_logs
        (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, created_at,
         tenant_id, request_id)
    select lpad(to_hex(n), 32, '0')::uuid,
           'u' || floor(2000 * power(a, 3)),
           case when mid then 'api_key' else 'user' end,
           case when mid then 'mid.done' when n < 300000 and n % 20 = 0 then 'last.done'
                else (array['project', 'key', 'user', 'secret', 'audit'])[1 + floor(5 * power(c, 4))::int]
                     || '.verb' || floor(8 * power(b, 2)) end,
           case when mid then 'mid' when n = 7 then 'once' else 'project' end,
           'p' || floor(20000 * power(b, 3)),
           jsonb_build_object('plan', 'pro', 'mid', mid, 'n', n, 'last', n < 300000 and n % 20 = 0,
                              'http', jsonb_build_object('status', 200 + n % 3000)),
           case when mid then '192.0.2.1' else '10.0.0.0'::inet + (n % 65536) end,
           timestamptz '2026-01-01 00:00:00Z' + n * interval '6.48 seconds',
           't' || floor(400 * power(c, 3)),
           case when mid then 'mid' else 'r' || n / 2 end
      from (select n, random() a, random() b, random() c, random() < 0.003 as mid
              from generate_series(1, 400000) n) r";

/// Ids at equal distances, whose records are removed after they gave the bounds of the partitions.
const SEED: &str = "insert into control_plane.audit_logs (id, actor_id, actor_type, action, target_type, target_id)
    select lpad(to_hex(n * 50000), 32, '0')::uuid, 'u', 'user', 'a.b', 't', 't' from generate_series(0, 7) n";
const UNSEED: &str = "begin; set local auditrail.maintenance = 'retention';
    delete from control_plane.audit_logs; commit";

/// The table with [`RECORDS`] rows in six partitions; the indexes are built at the end, which takes a third of the
/// time.
async fn filled() -> TestDb {
    let db = TestDb::migrated().await;
    db.as_owner(SEED).await;
    db.spread_over_partitions().await;
    db.as_owner(UNSEED).await;
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
        // The definition of an index of a partitioned table does not include the partitions.
        script += &format!("{};", definition.replace(" ON ONLY ", " ON "));
    }
    script += "commit; vacuum analyze control_plane.audit_logs";
    for statement in script.split(';') {
        owner.execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))).await.unwrap();
    }
    db
}

/// Searches of every filter: for values of many, few, one and no records, values that were common long
/// ago, and pairs.
const SEARCHES: &[&str] = &[
    "",
    "start_date=2026-01-09T00:00:00Z&end_date=2026-01-10T00:00:00Z",
    "actor_id=u0",
    "actor_id=u5",
    "actor_id=u1900",
    "actor_id=unknown",
    "actor_id=u5&start_date=2026-01-09T00:00:00Z&end_date=2026-01-10T00:00:00Z",
    "actor_type=user",
    "actor_type=api_key",
    "actor_type=system",
    "action=project.verb0",
    "action=mid.done",
    "action=last.done",
    "action=no.such",
    "action=project.*",
    "action=mid.*",
    "action=last.*",
    "action=nothing.*",
    "target_type=project",
    "target_type=mid",
    "target_type=once",
    "target_type=none",
    "target_id=p0",
    "target_id=p50",
    "target_id=p19000",
    "tenant_id=t0",
    "tenant_id=t300",
    "tenant_id=none",
    "request_id=mid",
    "request_id=r77",
    "ip_address=192.0.2.1",
    "ip_address=10.0.0.9",
    "ip_address=192.0.2.0/24",
    "ip_address=10.0.0.0/8",
    "ip_address=172.16.0.0/12",
    "metadata.plan=pro",
    "metadata.mid=true",
    "metadata.n=777",
    "metadata.n=none",
    "metadata.plan={}x",
    "metadata.http.status=404",
    "metadata.http.none=404",
    "tenant_id=t0&actor_id=u0",
    "tenant_id=t300&actor_id=u0",
    "tenant_id=t0&action=mid.done",
    "tenant_id=t0&action=last.*",
    "tenant_id=t0&target_type=mid",
    "tenant_id=t0&actor_type=api_key",
    "tenant_id=t0&metadata.mid=true",
    "action=mid.done&target_type=project",
    "actor_type=api_key&ip_address=10.0.0.0/8",
];

/// Searches that read more, with the reason.
const READS_MORE: &[(&str, &str)] =
    &[("metadata.plan={}x", "no index supports a value that may be an object or a list")];

fn query(parameters: &str) -> Query {
    let pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
    Query::from_pairs(pairs, &CursorKey::public(), Timestamp::UNIX_EPOCH).unwrap()
}

/// Whether a page scans the table, and how many records it reads.
async fn read(db: &mut PgConnection, query: &Query) -> (bool, i64) {
    let mut tx = db.begin_with(beginning(query)).await.unwrap();
    let (scans, records) = read_so_far(&mut tx).await;
    let conditions = Conditions::of((&mut *tx).into(), &query.filters).await.unwrap();
    turn::page((&mut *tx).into(), &conditions, query, TextBudget::default()).await.unwrap();
    let (scans_after, records_after) = read_so_far(&mut tx).await;
    tx.rollback().await.unwrap();
    (scans_after > scans, records_after - records)
}

/// Scans and read records of the current transaction.
async fn read_so_far(db: &mut PgConnection) -> (i64, i64) {
    let sql = "select sum(seq_scan)::int8, sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int8
                 from pg_stat_xact_user_tables where relname like 'audit_logs%'";
    sqlx::query_as(sql).fetch_one(db).await.unwrap()
}

/// Errors of the first page, and of those after and before a record in the middle of the log, in both orders.
async fn faults(db: &mut PgConnection, parameters: &str) -> Vec<String> {
    let middle = auditrail_core::Cursor {
        created_at: "2026-01-15T00:00:00Z".parse().unwrap(),
        id: uuid::Uuid::from_u128(186_666).into(),
    };
    let mut faults = Vec::new();
    for order in [Order::NewestFirst, Order::OldestFirst] {
        for position in [Position::Offset(0), Position::After(middle), Position::Before(middle)] {
            let query = Query { order, position, ..query(parameters) };
            let (scans, records) = read(db, &query).await;
            if scans || records > READ_MAX {
                let from = if position == Position::default() { "the start" } else { "the middle" };
                let order = order.as_str();
                faults.push(format!(
                    "{parameters} {order} from {from}: scans {scans}, reads {records}"
                ));
            }
        }
    }
    faults
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

/// The generic plan of walking the driving index, which a pooler with prepared statements would use. It
/// must be the index for all values.
async fn indexes_of_walk(
    db: &mut PgConnection,
    parameters: &str,
    direction: Direction,
) -> Vec<String> {
    let filters = query(parameters).filters;
    let mut tx = db.begin_with(SEARCH).await.unwrap();
    let conditions = Conditions::of((&mut *tx).into(), &filters).await.unwrap();
    let index = DrivingIndex::only(&filters).unwrap();
    let scan = Scan { direction, ..Scan::newest_first() };
    let sql = page::walk(index, &conditions, 100, scan, None);
    let text = sql.text();
    let values = (1..).take_while(|n| text.contains(&format!("${n}"))).count();
    let nulls = vec!["null"; values].join(", ");
    for statement in [
        "set local plan_cache_mode = force_generic_plan".to_owned(),
        format!("prepare auditrail_page as {text}"),
    ] {
        tx.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.unwrap();
    }
    let explain = format!("explain (format json) execute auditrail_page({nulls})");
    let Json(plans): Json<serde_json::Value> =
        sqlx::query_scalar(AssertSqlSafe(explain)).fetch_one(&mut *tx).await.unwrap();
    tx.execute("deallocate auditrail_page").await.unwrap();
    tx.rollback().await.unwrap();
    let (mut indexes, mut scans) = (Vec::new(), Vec::new());
    walk(&plans[0]["Plan"], &mut indexes, &mut scans);
    let mut indexes = indexes_of_table(db, &indexes).await;
    indexes.append(&mut scans);
    indexes
}

/// The indexes of the table to which those of its partitions belong, by name.
async fn indexes_of_table(db: &mut PgConnection, parts: &[String]) -> Vec<String> {
    let sql = "select distinct parent.relname::text
                 from pg_class part
                 join pg_inherits i on i.inhrelid = part.oid
                 join pg_class parent on parent.oid = i.inhparent
                where part.relname = any ($1) order by 1";
    sqlx::query_scalar(sql).bind(parts).fetch_all(db).await.unwrap()
}

/// Resident memory of this process, in KiB, from `/proc/self/status`.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_ascii_whitespace().nth(1).unwrap();
    kib.parse().unwrap()
}

async fn assert_constant_memory_of_export(db: &TestDb) {
    let log = PgAuditLog::new(db.pool(db.app()).await, CursorKey::public());
    let mut export = Box::pin(log.export(Filters::default()));
    let (mut seen, mut last, mut early) = (0_u64, None, 0);
    while let Some(record) = export.try_next().await.unwrap() {
        let position = Some((record.created_at, record.id));
        assert!(last < position, "not in order after {seen} records");
        last = position;
        seen += 1;
        if seen == RECORDS / 10 {
            early = resident_kib();
        }
    }
    assert_eq!(seen, RECORDS);
    let grown = resident_kib().saturating_sub(early);
    assert!(grown < 4 * 1_024, "the last nine tenths took {grown} KiB more");
}

#[tokio::test]
async fn large_log_is_searched_by_index() {
    let db = filled().await;
    let mut app = db.connect(db.app()).await;
    let mut slow = Vec::new();
    for parameters in SEARCHES {
        let faults = faults(&mut app, parameters).await;
        let is_known = READS_MORE.iter().any(|(known, _)| known == parameters);
        if is_known {
            assert!(!faults.is_empty(), "{parameters} is fast now; remove it from the list");
        } else {
            slow.extend(faults);
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");

    for (parameters, index) in [
        ("", "idx_audit_logs_created_at"),
        ("actor_id=u5", "idx_audit_logs_actor_created"),
        ("target_id=p50", "idx_audit_logs_target_created"),
        ("tenant_id=t0", "idx_audit_logs_tenant_created"),
        ("request_id=mid", "idx_audit_logs_request_created"),
        ("action=mid.done", "idx_audit_logs_action_created"),
        ("ip_address=192.0.2.1", "idx_audit_logs_ip_created"),
        ("outcome=denied", "idx_audit_logs_outcome_created"),
    ] {
        for direction in [Direction::Older, Direction::Newer] {
            let indexes = indexes_of_walk(&mut app, parameters, direction).await;
            assert!(indexes.contains(&index.to_owned()), "{parameters} {direction:?}: {indexes:?}");
            // A partition without records costs the same by either index of the column.
            let others = indexes.iter().filter(|other| *other != index);
            for other in others {
                let column = index.trim_end_matches("_created");
                assert!(other.starts_with(column), "{parameters} {direction:?}: {indexes:?}");
            }
        }
    }
    assert_constant_memory_of_export(&db).await;
}
