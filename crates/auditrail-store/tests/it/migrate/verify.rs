//! Comparison of the live schema with its description.

use auditrail_store::migrate::{MigrateError, MigrationSet, Runner, silent};
use auditrail_testkit::TestDb;

use super::support::run;

/// Runs `sql` in a migrated database, and returns the differences as text.
async fn after(sql: &str) -> Vec<String> {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, sql).await;
    let (_, differences) = Runner::new(db.app()).verify().await.unwrap();
    differences.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn migrated_database_has_no_difference() {
    assert_eq!(after("select 1").await, [""; 0]);
}

#[tokio::test]
async fn dropped_index_is_reported() {
    assert_eq!(
        after("drop index control_plane.idx_audit_logs_action").await,
        ["index idx_audit_logs_action of control_plane.audit_logs is missing"]
    );
}

#[tokio::test]
async fn different_index_is_reported() {
    let messages = after(
        "drop index control_plane.idx_audit_logs_action;
         create index idx_audit_logs_action on control_plane.audit_logs (action, actor_id)",
    )
    .await;
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0]
            .starts_with("index idx_audit_logs_action of control_plane.audit_logs has definition"),
        "{messages:?}"
    );
}

#[tokio::test]
async fn invalid_index_is_reported() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    run(&mut admin, "update pg_index set indisvalid = false where indexrelid = 'control_plane.idx_audit_logs_action'::regclass").await;
    let (_, differences) = Runner::new(db.owner()).verify().await.unwrap();
    let messages: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0]
            .starts_with("index idx_audit_logs_action of control_plane.audit_logs is invalid"),
        "{messages:?}"
    );
}

#[tokio::test]
async fn changed_default_is_reported_with_both_values() {
    assert_eq!(
        after("alter table control_plane.audit_logs alter metadata set default '{\"a\": 1}'").await,
        [
            "column control_plane.audit_logs.metadata has default `'{\"a\": 1}'::jsonb`, expected `'{}'::jsonb`"
        ]
    );
}

#[tokio::test]
async fn extra_column_is_reported() {
    assert_eq!(
        after("alter table control_plane.audit_logs add column colour text").await,
        ["column control_plane.audit_logs.colour should not be there"]
    );
}

#[tokio::test]
async fn changed_type_not_null_and_check_are_reported() {
    assert_eq!(
        after(
            "alter table control_plane.audit_logs alter user_agent type varchar(10);
             alter table control_plane.audit_logs alter action drop not null;
             alter table control_plane.audit_logs drop constraint audit_logs_system_actor_check"
        )
        .await,
        [
            "column control_plane.audit_logs.action has not null no, expected yes",
            "column control_plane.audit_logs.user_agent has type `character varying(10)`, expected `text`",
            "constraint audit_logs_system_actor_check of control_plane.audit_logs is missing",
        ]
    );
}

#[tokio::test]
async fn changed_comment_is_reported() {
    let messages = after("comment on column control_plane.audit_logs.action is null").await;
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0]
            .starts_with("column control_plane.audit_logs.action has comment none, expected"),
        "{messages:?}"
    );
}

#[tokio::test]
async fn disabled_or_rewritten_guard_is_reported() {
    assert_eq!(
        after("alter table control_plane.audit_logs disable trigger audit_logs_append_only").await,
        [
            "trigger audit_logs_append_only of control_plane.audit_logs has firing mode `disabled`, expected `always`"
        ]
    );
    let messages = after(
        "create or replace function control_plane.refuse_audit_log_change() returns trigger
         language plpgsql set search_path = '' as $$ begin return null; end $$",
    )
    .await;
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0].starts_with("function control_plane.refuse_audit_log_change() has body"),
        "{messages:?}"
    );
}

#[tokio::test]
async fn index_of_the_user_is_reported_but_no_drift() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "create index mine on control_plane.audit_logs (user_agent)").await;
    let (_, differences) = Runner::new(db.owner()).verify().await.unwrap();
    assert_eq!(differences.len(), 1);
    assert!(!differences[0].is_drift(), "{}", differences[0]);
    run(&mut owner, "create unique index mine_too on control_plane.audit_logs (id, user_agent)")
        .await;
    let (_, differences) = Runner::new(db.owner()).verify().await.unwrap();
    assert!(differences.iter().any(auditrail_store::schema::Difference::is_drift));
}

#[tokio::test]
async fn tables_of_the_application_are_ignored() {
    assert_eq!(after("create table control_plane.projects (id uuid primary key)").await, [""; 0]);
}

#[tokio::test]
async fn earlier_version_is_compared_with_its_description() {
    let db = TestDb::empty().await;
    let runner = Runner::new(db.owner());
    runner.up(Some(3), &mut silent).await.unwrap();
    assert_eq!(runner.verify().await.unwrap(), (3, vec![]));
}

#[tokio::test]
async fn empty_database_lacks_everything() {
    let db = TestDb::empty().await;
    let (_, differences) = Runner::new(db.owner()).verify().await.unwrap();
    let messages: Vec<String> = differences.iter().map(ToString::to_string).collect();
    let set = MigrationSet::embedded();
    let expected = set.expected(set.latest()).unwrap();
    let tables = expected.tables.keys().map(|name| format!("table {name} is missing"));
    let functions = expected.functions.keys().map(|name| format!("function {name} is missing"));
    assert_eq!(messages, tables.chain(functions).collect::<Vec<_>>());
    assert!(messages.len() > 10, "{messages:?}");
}

#[tokio::test]
async fn set_without_descriptions_cannot_be_verified() {
    let db = TestDb::empty().await;
    let error =
        super::support::shop_runner(&db, &[super::support::TABLE]).verify().await.unwrap_err();
    assert!(matches!(error, MigrateError::NotDescribed { .. }), "{error}");
}
