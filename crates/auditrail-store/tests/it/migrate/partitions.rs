//! Comparison of a partitioned table with its description: each partition is checked by rule.

use auditrail_store::migrate::{Runner, silent};
use auditrail_testkit::TestDb;
use sqlx::postgres::PgConnectOptions;

use super::support::run;

/// The differences that the application role sees.
async fn differences(db: &TestDb) -> Vec<String> {
    let (_, differences) = Runner::new(db.app()).verify().await.unwrap();
    differences.iter().map(ToString::to_string).collect()
}

/// The differences after a role changed a partitioned database.
async fn after_as(role: impl Fn(&TestDb) -> PgConnectOptions, sql: &str) -> Vec<String> {
    let db = TestDb::migrated().await;
    run(&mut db.connect(role(&db)).await, sql).await;
    differences(&db).await
}

/// The differences after the owner of the log ran `sql`.
async fn after(sql: &str) -> Vec<String> {
    after_as(TestDb::owner, sql).await
}

/// Records with 70 ids, spread over five partitions and the default.
async fn spread() -> TestDb {
    let db = TestDb::migrated().await;
    db.as_owner(
        "insert into control_plane.audit_logs (id, actor_id, actor_type, action, target_type, target_id)
         select lpad(to_hex(n), 32, '0')::uuid, 'u1', 'user', 'project.created', 'project', 'p1'
           from generate_series(1, 70) n",
    )
    .await;
    db.spread_over_partitions().await;
    db
}

fn id(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

#[tokio::test]
async fn partitioned_table_has_no_difference() {
    assert_eq!(after("select 1").await, [""; 0]);
    let db = spread().await;
    assert_eq!(differences(&db).await, [""; 0]);
    let records = "select count(distinct tableoid) from control_plane.audit_logs";
    let tables: i64 =
        sqlx::query_scalar(records).fetch_one(&mut db.connect(db.app()).await).await.unwrap();
    assert_eq!(tables, 6);
}

#[tokio::test]
async fn guard_is_checked_on_each_partition() {
    assert_eq!(
        after(
            "drop trigger audit_logs_append_only on control_plane.audit_logs_rest;
             alter table control_plane.audit_logs_hot disable trigger audit_logs_append_only_truncate;
             alter table control_plane.audit_logs_hot enable trigger audit_logs_append_only_row;
             create trigger mine before insert on control_plane.audit_logs_rest
                 for each row execute function control_plane.refuse_audit_log_change()"
        )
        .await,
        [
            "trigger audit_logs_append_only_row of control_plane.audit_logs_hot has firing mode `origin`, expected `always`",
            "trigger audit_logs_append_only_truncate of control_plane.audit_logs_hot has firing mode `disabled`, expected `always`",
            "trigger audit_logs_append_only of control_plane.audit_logs_rest is missing",
            "trigger mine of control_plane.audit_logs_rest should not be there",
        ]
    );
}

#[tokio::test]
async fn guard_that_covers_less_is_reported() {
    let messages = after(
        "drop trigger audit_logs_append_only on control_plane.audit_logs_hot;
         create trigger audit_logs_append_only before update on control_plane.audit_logs_hot
             for each statement execute function control_plane.refuse_audit_log_change();
         alter table control_plane.audit_logs_hot enable always trigger audit_logs_append_only",
    )
    .await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(
        messages[0].starts_with(
            "trigger audit_logs_append_only of control_plane.audit_logs_hot has definition"
        ),
        "{messages:?}"
    );
}

#[tokio::test]
async fn privileges_on_a_partition_are_reported() {
    assert_eq!(
        after(
            "grant select, insert on control_plane.audit_logs_hot to auditrail_app;
             grant update (action) on control_plane.audit_logs_rest to public;
             grant insert on control_plane.audit_log_maintenance to auditrail_app"
        )
        .await,
        [
            "privilege INSERT on control_plane.audit_log_maintenance of auditrail_app",
            "privilege INSERT on control_plane.audit_logs_hot of auditrail_app",
            "privilege SELECT on control_plane.audit_logs_hot of auditrail_app",
            "privilege UPDATE on column control_plane.audit_logs_rest.action of PUBLIC",
        ]
        .map(|privilege| format!("{privilege} should not be there"))
    );
}

#[tokio::test]
async fn partition_of_another_owner_is_reported() {
    assert_eq!(
        after_as(
            TestDb::admin,
            "alter table control_plane.audit_logs_hot owner to auditrail_reader"
        )
        .await,
        [
            "table control_plane.audit_logs_hot has owner `auditrail_reader`, expected `auditrail_owner`"
        ]
    );
}

#[tokio::test]
async fn index_that_is_not_attached_everywhere_is_reported() {
    assert_eq!(
        after(
            "drop index control_plane.idx_audit_logs_action;
             create index idx_audit_logs_action on only control_plane.audit_logs (action);
             create index hot_action on control_plane.audit_logs_hot (action);
             alter index control_plane.idx_audit_logs_action attach partition control_plane.hot_action"
        )
        .await,
        [
            "index idx_audit_logs_action of control_plane.audit_logs is invalid: its concurrent build was interrupted, and no query uses it; drop it and create it again",
            "index idx_audit_logs_action of control_plane.audit_logs_rest is missing",
        ]
    );
}

#[tokio::test]
async fn missing_index_is_reported_once() {
    assert_eq!(
        after("drop index control_plane.idx_audit_logs_action").await,
        ["index idx_audit_logs_action of control_plane.audit_logs is missing"]
    );
}

#[tokio::test]
async fn invalid_and_unique_indexes_of_a_partition_are_reported() {
    let messages = after_as(
        TestDb::admin,
        "create unique index mine on control_plane.audit_logs_rest (actor_id);
         create index allowed on control_plane.audit_logs_rest (user_agent);
         alter index control_plane.audit_logs_hot_pkey rename to hot_pkey;
         update pg_index set indisvalid = false where indexrelid = 'control_plane.hot_pkey'::regclass",
    )
    .await;
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(
        messages[0].starts_with("index hot_pkey of control_plane.audit_logs_hot is invalid"),
        "{messages:?}"
    );
    assert_eq!(
        messages[1..],
        [
            "index allowed of control_plane.audit_logs_rest was added by the user (allowed)",
            "index mine of control_plane.audit_logs_rest should not be there",
        ]
    );
}

#[tokio::test]
async fn check_that_refuses_records_is_reported() {
    assert_eq!(
        after(
            "alter table control_plane.audit_logs_hot
                 add constraint bounds check (id >= '01000000-0000-0000-0000-000000000000'
                                          and id < 'ffffffff-0000-0000-0000-000000000000'),
                 add constraint narrow check (id >= '02000000-0000-0000-0000-000000000001'
                                          and id < 'ffffffff-0000-0000-0000-000000000000'),
                 add constraint no_robots check (actor_type <> 'api_key')"
        )
        .await,
        ["narrow", "no_robots"].map(|name| format!(
            "constraint {name} of control_plane.audit_logs_hot should not be there"
        ))
    );
}

#[tokio::test]
async fn range_without_a_partition_is_reported() {
    let messages =
        after("alter table control_plane.audit_logs detach partition control_plane.audit_logs_hot")
            .await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    // From the month in which the table was partitioned.
    let (start, end) = (
        "partition of control_plane.audit_logs for ids from 01",
        " to 03bb2cc3-d800-0000-0000-000000000000 is missing",
    );
    assert!(messages[0].starts_with(start) && messages[0].ends_with(end), "{messages:?}");
    let db = spread().await;
    db.as_owner(
        "alter table control_plane.audit_logs detach partition control_plane.audit_logs_t2",
    )
    .await;
    let (lower, upper) = (id(21), id(31));
    assert_eq!(
        differences(&db).await,
        [format!(
            "partition of control_plane.audit_logs for ids from {lower} to {upper} is missing"
        )]
    );
}

#[tokio::test]
async fn default_partition_and_its_check_are_required() {
    assert_eq!(
        after(
            "alter table control_plane.audit_logs detach partition control_plane.audit_logs_rest"
        )
        .await,
        ["default partition of control_plane.audit_logs is missing"]
    );
    let drop = "alter table control_plane.audit_logs_rest drop constraint audit_logs_rest_ids";
    assert_eq!(
        after(drop).await,
        ["constraint audit_logs_rest_ids of control_plane.audit_logs_rest is missing"]
    );
    for check in [
        "check (id < '01900000-0000-0000-0000-000000000000' or id >= '03bb2cc3-d800-0000-0000-000000000000') not valid",
        "check (id < '01900000-0000-0000-0000-000000000000')",
    ] {
        let add = "alter table control_plane.audit_logs_rest add constraint audit_logs_rest_ids";
        let messages = after(&format!("{drop}; {add} {check}")).await;
        assert_eq!(messages.len(), 1, "{messages:?}");
        let constraint = "constraint audit_logs_rest_ids of control_plane.audit_logs_rest";
        assert!(messages[0].starts_with(&format!("{constraint} has definition")), "{messages:?}");
    }
}

#[tokio::test]
async fn partitions_are_protected_as_the_table() {
    assert_eq!(
        after(
            "create rule swallow as on update to control_plane.audit_logs_hot do instead nothing;
             alter table control_plane.audit_logs_hot enable row level security;
             create policy hide on control_plane.audit_logs_rest using (actor_id <> 'boss');
             alter table control_plane.audit_logs_rest set unlogged"
        )
        .await,
        [
            "policy hide of control_plane.audit_logs_rest should not be there",
            "rule swallow of control_plane.audit_logs_hot should not be there",
            "table control_plane.audit_logs_hot has row security `enabled`, expected `disabled`",
            "table control_plane.audit_logs_rest has persistence `unlogged`, expected `permanent`",
        ]
    );
}

#[tokio::test]
async fn partitions_elsewhere_and_nested_ones_are_reported() {
    let messages = after(
        "alter table control_plane.audit_logs detach partition control_plane.audit_logs_hot;
         create table public.hot (like control_plane.audit_logs including all);
         alter table control_plane.audit_logs attach partition public.hot
             for values from ('01900000-0000-0000-0000-000000000000') to ('02000000-0000-0000-0000-000000000000');
         create table control_plane.nested partition of control_plane.audit_logs
             for values from ('02000000-0000-0000-0000-000000000000') to ('03bb2cc3-d800-0000-0000-000000000000')
             partition by range (id)",
    )
    .await;
    for expected in [
        "child public.hot of control_plane.audit_logs should not be there",
        "partition control_plane.nested has kind `partitioned table`, expected `table`",
        "trigger audit_logs_append_only of control_plane.nested is missing",
    ] {
        assert!(messages.iter().any(|message| message == expected), "{expected}: {messages:#?}");
    }
}

#[tokio::test]
async fn partitioned_table_is_described_as_its_version() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "drop table control_plane.schema_migrations").await;
    let runner = Runner::new(db.owner());
    assert_eq!(runner.baseline(&mut silent).await.unwrap(), runner.set().latest());
    let status = runner.status().await.unwrap();
    assert_eq!((status.pending(), status.problems.len()), (0, 0));
}
