//! `migrate` partitions a new or small table.

use auditrail_store::partitions::Kind;
use auditrail_store::schema::describe;
use auditrail_testkit::TestDb;
use sqlx::PgConnection;

use super::support::{contents, insert, migrate, names, one, partitions, plain, run, timed_id};

/// The table that has the record with this id.
async fn place(db: &mut PgConnection, condition: &str) -> String {
    one(
        db,
        &format!("select tableoid::regclass::text from control_plane.audit_logs where {condition}"),
    )
    .await
}

#[tokio::test]
async fn new_installations_are_partitioned() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let partitions = partitions(&mut owner).await;
    let kinds: Vec<Kind> = partitions.iter().map(|partition| partition.kind).collect();
    assert_eq!(kinds, [Kind::Hot, Kind::Rest], "{partitions:?}");
    let mut app = db.connect(db.app()).await;
    insert(&mut app, &timed_id(0), 1).await;
    assert_eq!(place(&mut owner, "true").await, "control_plane.audit_logs_hot");
    insert(&mut app, "'00000000-0000-4000-8000-000000000001'", 1).await;
    assert_eq!(
        place(&mut owner, "target_id = 'p1' and id < '01000000-0000-4000-8000-000000000001'").await,
        "control_plane.audit_logs_rest"
    );
    let result: String = one(
        &mut owner,
        "select pg_get_function_result('control_plane.record_audit_log(jsonb)'::regprocedure)",
    )
    .await;
    assert_eq!(result, "control_plane.audit_logs");
}

#[tokio::test]
async fn small_table_keeps_its_records() {
    let db = plain().await;
    let mut owner = db.connect(db.owner()).await;
    for id in ["gen_random_uuid()", &timed_id(-3600), &timed_id(3600)] {
        insert(&mut owner, id, 1_000).await;
    }
    let before = contents(&mut owner).await;
    assert_eq!(migrate(&db).await.not_partitioned, None);
    assert_eq!(contents(&mut owner).await, before);
    assert_eq!(names(&mut owner).await, ["audit_logs_hot", "audit_logs_rest"]);
    // The ids of the future are in the hot partition, with the random ones that fall into its range.
    let hot: i64 = one(&mut owner, "select count(*) from control_plane.audit_logs_hot").await;
    assert!((1_000..1_050).contains(&hot), "{hot}");
}

#[tokio::test]
async fn definition_stays_the_same() {
    let db = plain().await;
    let mut owner = db.connect(db.owner()).await;
    run(
        &mut owner,
        "create index mine on control_plane.audit_logs (user_agent);
         create function public.noticed() returns trigger language plpgsql as 'begin return null; end';
         create trigger noticed after insert on control_plane.audit_logs
             for each row execute function public.noticed();
         create trigger noticed_statement after insert on control_plane.audit_logs
             for each statement execute function public.noticed();
         alter table control_plane.audit_logs disable trigger noticed_statement;
         create policy mine on control_plane.audit_logs as restrictive for select
             to auditrail_reader using (tenant_id = 't1');
         create publication mine for table control_plane.audit_logs;
         grant select on control_plane.audit_logs to auditrail_reader with grant option;
         grant insert (id, actor_id) on control_plane.audit_logs to auditrail_app;
         revoke execute on function control_plane.record_audit_log(jsonb) from public;
         grant execute on function control_plane.record_audit_log(jsonb) to auditrail_app;
         alter default privileges grant insert, delete on tables to auditrail_service",
    )
    .await;
    let read = async |owner: &mut PgConnection| {
        let mut schema = describe(owner, "control_plane").await.unwrap();
        let table = schema.tables.get_mut("control_plane.audit_logs").unwrap();
        // The only differences: a partitioned table cannot have a constraint that is not inherited.
        table.partitioned_by = None;
        for definition in table.constraints.values_mut() {
            *definition = definition.replace(" NO INHERIT", "");
        }
        let table = table.clone();
        let function = schema.functions["control_plane.record_audit_log(input jsonb)"].clone();
        let other: String = one(
            owner,
            "select jsonb_pretty(jsonb_build_array(
                 (select jsonb_agg(to_jsonb(a) order by a::text) from pg_class c, aclexplode(c.relacl) a
                   where c.oid = 'control_plane.audit_logs'::regclass and a.grantee <> c.relowner),
                 (select jsonb_agg(jsonb_build_array(t.attname, t.attacl) order by t.attname)
                    from pg_attribute t where t.attrelid = 'control_plane.audit_logs'::regclass
                     and t.attacl is not null),
                 (select jsonb_agg(to_jsonb(a) order by a::text) from pg_proc p, aclexplode(p.proacl) a
                   where p.oid = 'control_plane.record_audit_log(jsonb)'::regprocedure),
                 (select jsonb_agg(to_jsonb(p) order by policyname) from pg_policies p),
                 (select jsonb_agg(jsonb_build_array(p.pubname, r.prrelid::regclass) order by p.pubname)
                    from pg_publication_rel r join pg_publication p on p.oid = r.prpubid)))",
        )
        .await;
        (table, function, other)
    };
    let before = read(&mut owner).await;
    assert_eq!(migrate(&db).await.not_partitioned, None);
    let after = read(&mut owner).await;
    assert_eq!(after.0, before.0);
    assert_eq!(after.1, before.1);
    assert_eq!(after.2, before.2);
    // Records are reached through the log alone.
    let granted: i64 = one(
        &mut owner,
        "select count(*) from pg_class c, aclexplode(c.relacl) a
          where c.relname in ('audit_logs_hot', 'audit_logs_rest') and a.grantee <> c.relowner",
    )
    .await;
    assert_eq!(granted, 0);
}

#[tokio::test]
async fn each_partition_refuses_changes() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    insert(&mut owner, &timed_id(0), 1).await;
    insert(&mut owner, "'00000000-0000-4000-8000-000000000001'", 1).await;
    for table in ["audit_logs", "audit_logs_hot", "audit_logs_rest"] {
        for statement in ["update {} set action = 'x.y'", "delete from {}", "truncate {}"] {
            let sql = statement.replace("{}", &format!("control_plane.{table}"));
            let error = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(&mut owner).await;
            let error = error.expect_err(&sql);
            let message = error.as_database_error().unwrap().message();
            assert!(message.contains("records are not changed or removed"), "{sql}: {message}");
        }
    }
    let mut app = db.connect(db.app()).await;
    for table in ["audit_logs_hot", "audit_logs_rest"] {
        let sql = format!("select from control_plane.{table}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut app).await.unwrap_err();
    }
}

#[tokio::test]
async fn large_table_is_left_to_the_command() {
    let db = plain().await;
    let mut owner = db.connect(db.owner()).await;
    insert(&mut owner, "gen_random_uuid()", 50_001).await;
    let reason = migrate(&db).await.not_partitioned.unwrap();
    assert!(reason.contains("auditrail partition adopt"), "{reason}");
}

#[tokio::test]
async fn dependent_view_keeps_the_table_plain() {
    let db = plain().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "create view public.mine as select * from control_plane.audit_logs").await;
    let reason = migrate(&db).await.not_partitioned.unwrap();
    assert!(reason.contains("view public.mine depends on the table"), "{reason}");
    run(&mut owner, "drop view public.mine").await;
    assert_eq!(migrate(&db).await.not_partitioned, None);
    assert_eq!(names(&mut owner).await.len(), 2);
}
