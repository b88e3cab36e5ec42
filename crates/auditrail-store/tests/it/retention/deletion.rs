//! Removal in small steps, from a plain table and from the partitions that are never replaced.

use auditrail_core::Actor;
use auditrail_store::{RetentionError, RetentionOptions, RetentionRun};
use auditrail_testkit::TestDb;
use serde_json::json;

use super::support::{
    LIMITS, contents, count, in_own_runtime, plain, plan, records, retention, rule, run,
    run_records, run_with, texts, with_closed_partitions, write,
};
use crate::support::sql;

const OLD: &str = "2024-01-05";
const YOUNG: &str = "2999-01-01";
const SEQUENCED: &str = "update control_plane.audit_log_sequencer set done = pg_current_snapshot()";
const SEALED: &str = "update control_plane.audit_log_tree set done = pg_current_snapshot()";

/// Records of two tenants and without one, of two actions, old and young.
async fn fill(db: &TestDb) {
    for tenant in ["t1", "t2", ""] {
        for action in ["project.created", "secret.accessed"] {
            write(db, 25, OLD, tenant, action).await;
        }
        // Old ids with a young created_at, and the other way round.
        write(db, 5, YOUNG, tenant, "project.created").await;
    }
}

#[tokio::test]
async fn blocks_of_the_index_of_words_leave_with_their_records() {
    let db = TestDb::migrated().await;
    write(&db, 256, OLD, "t1", "project.created").await;
    write(&db, 256, YOUNG, "t1", "project.created").await;
    db.sequence().await;
    assert_eq!(db.index_words().await, 512);
    rule(&db, "", "", 400).await;
    assert_eq!(run(&db).await.unwrap().records, 256);
    let mut owner = db.connect(db.owner()).await;
    let blocks: Vec<String> = sqlx::query_scalar(
        "select to_char(oldest_at, 'YYYY') from control_plane.audit_log_text_blocks",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(blocks, ["2999"]);
}

#[tokio::test]
async fn plan_is_what_a_run_removes() {
    for db in [plain().await, TestDb::migrated().await] {
        fill(&db).await;
        rule(&db, "", "", 400).await;
        rule(&db, "t2", "secret.*", -1).await;
        let plan = plan(&db).await;
        assert_eq!(plan.records(), 125);
        let groups: Vec<_> = plan.tables.iter().flat_map(|table| &table.removed).collect();
        assert_eq!(groups.len(), 5);
        let group = groups.iter().find(|group| group.tenant_id.as_deref() == Some("t2")).unwrap();
        assert_eq!((group.action.as_str(), group.records), ("project.created", 25));
        assert_eq!(group.oldest.to_string(), "2024-01-05T00:01:00.000000Z");
        assert_eq!(group.newest.to_string(), "2024-01-05T00:25:00.000000Z");

        let report = run(&db).await.unwrap();
        assert_eq!((report.records, report.archives.len()), (125, 0));
        assert_eq!(report.postponed, Vec::<String>::new());
        assert_eq!(count(&db, "created_at < '2025-01-01'").await, 25);
        assert_eq!(count(&db, "tenant_id = 't2' and action = 'secret.accessed'").await, 25);
        assert_eq!(count(&db, "created_at > '2025-01-01'").await, 15 + 2 + 1);
        let [record] = &run_records(&db).await[..] else { panic!("one record") };
        assert_eq!(record["records"], 125);
        assert_eq!(record["run_id"], json!(report.run_id));
        let mut removed = json!(plan.tables[0].removed);
        let mut recorded = record["removed"].clone();
        for groups in [&mut removed, &mut recorded] {
            let groups = groups.as_array_mut().unwrap();
            for group in &mut *groups {
                group.as_object_mut().unwrap().remove("partition");
            }
            groups.sort_by_key(ToString::to_string);
        }
        assert_eq!(recorded, removed);
        // A second run has nothing to do, and records nothing.
        assert_eq!(run(&db).await.unwrap().run_id, None);
        assert_eq!(run_records(&db).await.len(), 1);
    }
}

#[tokio::test]
async fn records_with_an_empty_tenant_leave_with_those_without_one() {
    let archives = tempfile::TempDir::new().unwrap();
    for archive in [None, Some(archives.path())] {
        for db in [plain().await, with_closed_partitions().await] {
            write(&db, 6, OLD, "", "project.created").await;
            // The parsers refuse an empty tenant; the table does not.
            let empty = records(5, OLD, "-", "project.created").replace("nullif('-', '')", "''");
            sql(&mut db.connect(db.app()).await, &empty).await;
            assert_eq!(count(&db, "tenant_id = ''").await, 5);
            rule(&db, "", "", 400).await;
            let plan = plan(&db).await;
            let [group] = &plan.tables[0].removed[..] else { panic!("one group: {plan:?}") };
            assert_eq!((&group.tenant_id, group.records), (&None, 11));
            assert_eq!(run_with(&db, archive, &mut |_| {}).await.unwrap().records, 11);
            let record = &run_records(&db).await[0];
            let removed = record["removed"].as_array().unwrap();
            assert!(removed.iter().all(|group| group["tenant_id"].is_null()), "{record}");
        }
    }
}

#[tokio::test]
async fn without_rules_nothing_leaves() {
    let db = TestDb::migrated().await;
    fill(&db).await;
    let before = contents(&db).await;
    assert_eq!(plan(&db).await.kept_at, None);
    assert_eq!(run(&db).await.unwrap().records, 0);
    rule(&db, "", "", -1).await;
    assert_eq!(run(&db).await.unwrap().records, 0);
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn held_records_stay() {
    for db in [plain().await, TestDb::migrated().await] {
        fill(&db).await;
        db.as_owner(HOLD_U1).await;
        rule(&db, "", "", 400).await;
        let (held, expired) = (30, 120);
        assert_eq!(plan(&db).await.records(), expired);
        assert_eq!(run(&db).await.unwrap().records, expired);
        let kept = count(&db, "created_at < '2025-01-01'").await;
        assert_eq!(kept, held);
        assert_eq!(count(&db, "created_at < '2025-01-01' and actor_id = 'u1'").await, held);
    }
}

/// A hold of everything that u1 did.
pub(crate) const HOLD_U1: &str = "
    create or replace function control_plane.audit_log_is_held(
        id uuid, actor_type text, actor_id text, action text, target_type text, target_id text,
        tenant_id text, request_id text, ip_address inet, created_at timestamptz)
        returns boolean language sql stable parallel safe
        as $$ select audit_log_is_held.actor_id = 'u1' $$";

#[tokio::test]
async fn only_the_owner_removes_records() {
    let db = TestDb::migrated().await;
    fill(&db).await;
    rule(&db, "", "", 400).await;
    let before = contents(&db).await;
    for role in [db.service(), db.reader(), db.app()] {
        let name = role.get_username().to_owned();
        let run = RetentionRun::new(role);
        let planned = run.plan(&mut |_| {}).await;
        assert!(matches!(planned, Err(RetentionError::NotOwner { .. })), "{planned:?}");
        let options = RetentionOptions {
            by: Actor::System,
            archive: None,
            stop: &|| false,
            on_step: &mut |_| {},
            limits: LIMITS,
        };
        match run.run(options).await {
            Err(RetentionError::NotOwner { role }) => assert_eq!(role, name),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn one_process_removes_records() {
    let db = TestDb::migrated().await;
    fill(&db).await;
    rule(&db, "", "", 400).await;
    let (mut second, other) = (None, retention(&db));
    let mut on_step = |_| {
        if second.is_none() {
            second = Some(in_own_runtime(async {
                let options = RetentionOptions {
                    by: Actor::System,
                    archive: None,
                    stop: &|| false,
                    on_step: &mut |_| {},
                    limits: LIMITS,
                };
                other.run(options).await
            }));
        }
    };
    assert_eq!(run_with(&db, None, &mut on_step).await.unwrap().records, 150);
    assert!(matches!(second, Some(Err(RetentionError::Busy))), "{second:?}");
}

#[tokio::test]
async fn changed_rule_ends_the_run_before_the_commit() {
    let db = TestDb::migrated().await;
    fill(&db).await;
    rule(&db, "", "", 400).await;
    db.as_owner(
        "create table public.steps (n int);
         create function public.change_rule() returns trigger language plpgsql as $$
         begin
             update control_plane.audit_log_retention_rules set keep_days = 36500;
             return null;
         end $$;
         create trigger change_rule after insert on control_plane.audit_log_retention_removals
             for each statement execute function public.change_rule()",
    )
    .await;
    let before = contents(&db).await;
    let outcome = run(&db).await;
    assert!(matches!(outcome, Err(RetentionError::RulesChanged)), "{outcome:?}");
    assert_eq!(contents(&db).await, before);
    assert_eq!(run_records(&db).await, Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn records_that_are_not_sealed_stay() {
    let db = TestDb::migrated().await;
    write(&db, 10, OLD, "t1", "project.created").await;
    // What is committed now has an entry, what follows has a seq alone.
    db.as_owner(&format!("{SEQUENCED}; {SEALED}")).await;
    write(&db, 10, "2024-01-06", "t1", "project.created").await;
    db.as_owner(SEQUENCED).await;
    rule(&db, "", "", 400).await;
    assert_eq!(plan(&db).await.records(), 10);
    assert_eq!(run(&db).await.unwrap().records, 10);
    assert_eq!(count(&db, "created_at >= '2024-01-06' and created_at < '2025-01-01'").await, 10);
    db.as_owner(SEALED).await;
    assert_eq!(run(&db).await.unwrap().records, 10);
}

#[tokio::test]
async fn records_stay_until_the_sealer_has_reached_the_sequence() {
    let db = TestDb::migrated().await;
    write(&db, 10, OLD, "t1", "project.created").await;
    db.as_owner(SEQUENCED).await;
    rule(&db, "", "", 400).await;
    assert_eq!(run(&db).await.unwrap().records, 0);
}

#[tokio::test]
async fn restored_records_with_later_transaction_ids_expire_too() {
    let db = TestDb::migrated().await;
    write(&db, 10, OLD, "t1", "project.created").await;
    db.as_owner(
        "begin; set local auditrail.maintenance = 'erasure';
         update control_plane.audit_logs set xact_id = '99999999'; commit",
    )
    .await;
    // Transactions of other tests in the same cluster.
    let mut owner = db.connect(db.owner()).await;
    let written = "select pg_snapshot_xmax(pg_current_snapshot())::text";
    let written: String = sqlx::query_scalar(written).fetch_one(&mut owner).await.unwrap();
    let ended = format!("select pg_snapshot_xmin(pg_current_snapshot()) >= '{written}'::xid8");
    auditrail_testkit::until(&mut owner, &ended).await;
    rule(&db, "", "", 400).await;
    assert_eq!(run(&db).await.unwrap().records, 10);
}

#[tokio::test]
async fn impossible_times_are_never_removed() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "alter table control_plane.audit_logs drop constraint audit_logs_created_at_check;
         insert into control_plane.audit_logs
             (actor_id, actor_type, action, target_type, target_id, created_at)
         select 'u1', 'user', 'a.b', 'project', 'p1', at::timestamptz
           from unnest(array['-infinity', '0044-03-15 BC', 'infinity', '20000-01-01']) at",
    )
    .await;
    write(&db, 3, OLD, "", "a.b").await;
    rule(&db, "", "", 400).await;
    assert_eq!(run(&db).await.unwrap().records, 3);
    assert_eq!(
        texts(&db, "select created_at::text from control_plane.audit_logs where action = 'a.b'")
            .await
            .len(),
        4
    );
}
