//! What protects the records, beyond the definitions of the schema.

use auditrail_store::migrate::Runner;
use auditrail_testkit::TestDb;

use super::support::run;

/// The differences that the application role sees.
async fn differences(db: &TestDb) -> Vec<String> {
    let (_, differences) = Runner::new(db.app()).verify().await.unwrap();
    assert!(differences.iter().all(auditrail_store::schema::Difference::is_drift));
    differences.iter().map(ToString::to_string).collect()
}

/// The differences after the owner of the log ran `sql`.
async fn after(sql: &str) -> Vec<String> {
    let db = TestDb::migrated().await;
    run(&mut db.connect(db.owner()).await, sql).await;
    differences(&db).await
}

#[tokio::test]
async fn parents_and_children_are_reported() {
    let parent = "create table public.p (like control_plane.audit_logs including defaults including constraints);
                  alter table control_plane.audit_logs inherit public.p";
    let child = "create table public.c () inherits (control_plane.audit_logs)";
    let after = async |sql: &str| {
        let db = TestDb::plain().await;
        run(&mut db.connect(db.owner()).await, sql).await;
        differences(&db).await
    };
    assert_eq!(
        after(parent).await,
        ["parent public.p of control_plane.audit_logs should not be there"]
    );
    assert_eq!(
        after(child).await,
        ["child public.c of control_plane.audit_logs should not be there"]
    );
}

#[tokio::test]
async fn rules_are_reported() {
    assert_eq!(
        after("create rule swallow as on insert to control_plane.audit_logs do instead nothing")
            .await,
        ["rule swallow of control_plane.audit_logs should not be there"]
    );
}

#[tokio::test]
async fn row_security_and_policies_are_reported() {
    assert_eq!(
        after(
            "alter table control_plane.audit_logs enable row level security;
             alter table control_plane.audit_logs force row level security;
             create policy hide on control_plane.audit_logs using (actor_id <> 'boss')"
        )
        .await,
        [
            "policy hide of control_plane.audit_logs should not be there",
            "table control_plane.audit_logs has row security `enabled`, expected `disabled`",
        ]
    );
    assert_eq!(
        after("alter table control_plane.audit_api_keys force row level security").await,
        ["table control_plane.audit_api_keys has row security `enabled`, expected `disabled`"]
    );
}

#[tokio::test]
async fn unlogged_table_is_reported() {
    assert_eq!(
        after("alter table control_plane.audit_logs_hot set unlogged").await,
        ["table control_plane.audit_logs_hot has persistence `unlogged`, expected `permanent`"]
    );
}

#[tokio::test]
async fn other_collation_is_reported() {
    let alter =
        "alter table control_plane.audit_logs alter column tenant_id type text collate \"C\"";
    assert!(after(alter).await.iter().any(|text| text
        == "column control_plane.audit_logs.tenant_id has collation `C`, expected `default`"));
}

#[tokio::test]
async fn row_guard_that_is_disabled_is_reported() {
    assert_eq!(
        after(
            "alter table control_plane.audit_logs disable trigger audit_logs_append_only_row;
               alter table control_plane.audit_api_keys enable trigger audit_api_keys_revoked_once"
        )
        .await,
        [
            "trigger audit_api_keys_revoked_once of control_plane.audit_api_keys has firing mode `origin`, expected `always`",
            "trigger audit_logs_append_only_row of control_plane.audit_logs has firing mode `disabled`, expected `always`",
            "trigger audit_logs_append_only_row of control_plane.audit_logs_hot has firing mode `disabled`, expected `always`",
            "trigger audit_logs_append_only_row of control_plane.audit_logs_rest has firing mode `disabled`, expected `always`",
        ]
    );
}

#[tokio::test]
async fn privileges_beyond_the_grants_are_reported() {
    assert_eq!(
        after(
            "grant all on control_plane.audit_logs to public;
             grant update (actor_id), insert (xact_id) on control_plane.audit_logs to auditrail_app;
             grant select (id) on control_plane.audit_api_keys to public;
             grant delete on control_plane.schema_migrations to auditrail_app;
             grant trigger on control_plane.audit_logs to auditrail_reader;
             grant create on schema control_plane to auditrail_app;
             grant execute on all functions in schema control_plane to public"
        )
        .await,
        [
            "privilege CREATE on schema control_plane of auditrail_app",
            "privilege DELETE on control_plane.audit_logs of PUBLIC",
            "privilege DELETE on control_plane.schema_migrations of auditrail_app",
            "privilege EXECUTE on control_plane.audit_table of PUBLIC",
            "privilege EXECUTE on control_plane.record_row_change of PUBLIC",
            "privilege EXECUTE on control_plane.stop_audit_table of PUBLIC",
            "privilege INSERT on column control_plane.audit_logs.xact_id of auditrail_app",
            "privilege INSERT on control_plane.audit_logs of PUBLIC",
            "privilege REFERENCES on control_plane.audit_logs of PUBLIC",
            "privilege SELECT on column control_plane.audit_api_keys.id of PUBLIC",
            "privilege SELECT on control_plane.audit_logs of PUBLIC",
            "privilege TRIGGER on control_plane.audit_logs of PUBLIC",
            "privilege TRIGGER on control_plane.audit_logs of auditrail_reader",
            "privilege TRUNCATE on control_plane.audit_logs of PUBLIC",
            "privilege UPDATE on column control_plane.audit_logs.actor_id of auditrail_app",
            "privilege UPDATE on control_plane.audit_logs of PUBLIC",
        ]
        .map(|privilege| format!("{privilege} should not be there"))
    );
}

#[tokio::test]
async fn objects_of_other_owners_are_reported() {
    let db = TestDb::migrated().await;
    run(
        &mut db.connect(db.admin()).await,
        "alter function control_plane.refuse_audit_log_change() owner to auditrail_app;
         alter table control_plane.audit_api_keys owner to auditrail_reader",
    )
    .await;
    assert_eq!(
        differences(&db).await,
        [
            "function control_plane.refuse_audit_log_change() has owner `auditrail_app`, expected `auditrail_owner`",
            "table control_plane.audit_api_keys has owner `auditrail_reader`, expected `auditrail_owner`",
        ]
    );
}

#[tokio::test]
async fn settings_that_open_the_guard_are_reported() {
    let db = TestDb::migrated().await;
    let name = db.name();
    run(
        &mut db.connect(db.admin()).await,
        &format!(
            "alter role auditrail_owner in database {name} set auditrail.maintenance = 'retention';
             alter database {name} set \"Auditrail.Actor_Id\" = 'boss';
             alter role auditrail_app in database {name} set session_replication_role = replica;
             alter database {name} set auditrail.actor_type = ''"
        ),
    )
    .await;
    let found = differences(&db).await;
    let expected = [
        format!(
            "setting auditrail.maintenance=retention of role auditrail_owner in database {name} should not be there"
        ),
        format!(
            "setting session_replication_role=replica of role auditrail_app in database {name} should not be there"
        ),
    ];
    assert!(expected.iter().all(|setting| found.contains(setting)), "{found:?}");
    assert!(
        found.iter().any(|text| text
            .to_lowercase()
            .contains("setting auditrail.actor_id=boss of database")),
        "{found:?}"
    );
    assert_eq!(found.len(), 3, "{found:?}");
}

#[tokio::test]
async fn capture_that_does_not_fire_is_reported() {
    assert_eq!(
        after(
            "create table public.person (id int primary key);
             create table public.orders (id int primary key);
             select control_plane.audit_table('public.person'), control_plane.audit_table('public.orders');
             create table public.student (school text) inherits (public.person);
             create table public.freshman () inherits (public.student);
             alter table public.orders disable trigger audit_row_change;
             alter table public.orders enable replica trigger audit_truncate"
        )
        .await,
        [
            "trigger audit_row_change of public.freshman is missing",
            "trigger audit_row_change of public.orders has firing mode `disabled`, expected `origin`",
            "trigger audit_row_change of public.student is missing",
            "trigger audit_truncate of public.orders has firing mode `replica`, expected `origin`",
        ]
    );
}
