//! The live schema held against what this version expects.

use auditrail_store::migrate::{MigrateError, Runner, silent};
use auditrail_testkit::TestDb;

use super::support::run;

/// Does `sql` to a migrated database and gives what `verify` says, as sentences.
async fn after(sql: &str) -> Vec<String> {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, sql).await;
    let (_, differences) = Runner::new(db.app()).verify().await.unwrap();
    differences.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_freshly_migrated_database_has_no_difference() {
    assert_eq!(after("select 1").await, [""; 0]);
}

#[tokio::test]
async fn a_dropped_index_is_named() {
    assert_eq!(
        after("drop index control_plane.idx_audit_logs_action").await,
        ["index idx_audit_logs_action of control_plane.audit_logs is missing"]
    );
}

#[tokio::test]
async fn an_index_of_another_shape_is_named() {
    let found = after(
        "drop index control_plane.idx_audit_logs_action;
         create index idx_audit_logs_action on control_plane.audit_logs (action, actor_id)",
    )
    .await;
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .starts_with("index idx_audit_logs_action of control_plane.audit_logs has definition"),
        "{found:?}"
    );
}

#[tokio::test]
async fn an_invalid_index_is_named() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    run(&mut admin, "update pg_index set indisvalid = false where indexrelid = 'control_plane.idx_audit_logs_action'::regclass").await;
    let (_, differences) = Runner::new(db.owner()).verify().await.unwrap();
    let found: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("index idx_audit_logs_action of control_plane.audit_logs is invalid"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_changed_default_is_named_with_both_values() {
    assert_eq!(
        after("alter table control_plane.audit_logs alter metadata set default '{\"a\": 1}'").await,
        [
            "column control_plane.audit_logs.metadata has default `'{\"a\": 1}'::jsonb`, expected `'{}'::jsonb`"
        ]
    );
}

#[tokio::test]
async fn an_extra_column_is_named() {
    assert_eq!(
        after("alter table control_plane.audit_logs add column colour text").await,
        ["column control_plane.audit_logs.colour should not be there"]
    );
}

#[tokio::test]
async fn a_changed_type_a_dropped_not_null_and_a_dropped_check_are_named() {
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
async fn a_changed_comment_is_named() {
    let found = after("comment on column control_plane.audit_logs.action is null").await;
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("column control_plane.audit_logs.action has comment none, expected"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_guard_that_was_switched_off_or_rewritten_is_named() {
    assert_eq!(
        after("alter table control_plane.audit_logs disable trigger audit_logs_append_only").await,
        [
            "trigger audit_logs_append_only of control_plane.audit_logs has firing mode `disabled`, expected `always`"
        ]
    );
    let found = after(
        "create or replace function control_plane.refuse_audit_log_change() returns trigger
         language plpgsql set search_path = '' as $$ begin return null; end $$",
    )
    .await;
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("function control_plane.refuse_audit_log_change() has body"),
        "{found:?}"
    );
}

#[tokio::test]
async fn an_index_of_the_users_own_is_told_but_is_no_drift() {
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
async fn tables_of_the_application_in_the_same_schema_are_left_alone() {
    assert_eq!(after("create table control_plane.projects (id uuid primary key)").await, [""; 0]);
}

#[tokio::test]
async fn a_database_at_an_earlier_version_is_held_against_that_version() {
    let db = TestDb::empty().await;
    let runner = Runner::new(db.owner());
    runner.up(Some(3), &mut silent).await.unwrap();
    assert_eq!(runner.verify().await.unwrap(), (3, vec![]));
}

#[tokio::test]
async fn an_empty_database_lacks_everything() {
    let db = TestDb::empty().await;
    let (_, differences) = Runner::new(db.owner()).verify().await.unwrap();
    let found: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "table control_plane.audit_api_keys is missing",
            "table control_plane.audit_logs is missing",
            "function control_plane.audit_context(context jsonb) is missing",
            "function control_plane.audit_log_address(given text) is missing",
            "function control_plane.audit_log_problems(input jsonb) is missing",
            "function control_plane.audit_log_time(given text) is missing",
            "function control_plane.audit_table(audited regclass, target_type text, \
             target_id text[], secret text[], tenant_id text, trust_owner boolean) is missing",
            "function control_plane.record_audit_log(input jsonb) is missing",
            "function control_plane.record_row_change() is missing",
            "function control_plane.refuse_audit_log_change() is missing",
            "function control_plane.stop_audit_table(audited regclass) is missing",
        ]
    );
}

#[tokio::test]
async fn a_set_without_descriptions_cannot_be_verified_and_says_so() {
    let db = TestDb::empty().await;
    let error =
        super::support::shop_runner(&db, &[super::support::TABLE]).verify().await.unwrap_err();
    assert!(matches!(error, MigrateError::NotDescribed { .. }), "{error}");
}
