//! The privileges of `grants::sql`, exercised by the roles.

use auditrail_store::grants::{self, Roles};
use auditrail_testkit::TestDb;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::sql;

const INSERT: &str =
    "insert into control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id)
     values ('u1', 'user', 'project.created', 'project', 'p1')";
const CALL: &str = r#"select control_plane.audit_context('{"request_id": "r1"}'),
    control_plane.record_audit_log('{"actor_type": "user", "actor_id": "u1",
        "action": "project.created", "target_type": "project", "target_id": "p1",
        "ip_address": "::1", "created_at": "2026-01-02T03:04:05+01:00"}')"#;
const READ: &str = "select * from control_plane.audit_logs";
const HISTORY: &str = "select * from control_plane.schema_migrations";
const READ_KEYS: &str = "select * from control_plane.audit_api_keys";
const CREATE_KEY: &str =
    "insert into control_plane.audit_api_keys (id, hash, hint, scopes, created_by)
     values (gen_random_uuid(), sha256(gen_random_uuid()::text::bytea), 'adt', '{write}', 'system')";
const CHANGES: &str = "select * from control_plane.changes_without_intent()";
const REVOKE_KEY: &str =
    "update control_plane.audit_api_keys set revoked_at = now() where revoked_at is null";
const READ_ORDER: &str =
    "select * from control_plane.audit_log_sequencer, control_plane.audit_log_entries";
const SEQUENCE: &str = "update control_plane.audit_log_sequencer set next_seq = next_seq;
    insert into control_plane.audit_log_entries (first_seq, records, lowest_xact_id, highest_xact_id, ids)
    select coalesce(max(first_seq) + 1, 0), 1, 3, 3, decode(repeat('00', 16), 'hex')
      from control_plane.audit_log_entries";
const ATTACH: &str = "create temporary table mine (id int);
    create trigger t after insert on mine for each row
    execute function control_plane.record_row_change('key', '{id}', '{}', '')";
const READ_RULES: &str = "select * from control_plane.audit_log_retention_rules";
const SET_RULE: &str = "insert into control_plane.audit_log_retention_rules as rule
         (id, keep_days, created_at, created_by, changed_at, changed_by)
     values ('01890a5d-ac96-774b-bcce-b302099a8057', 30, now(), 'system', now(), 'system')
         on conflict (id) do update set keep_days = excluded.keep_days";
const REMOVE_RULE: &str = "delete from control_plane.audit_log_retention_rules";
/// Statements that only the owner can run.
const FORBIDDEN: [&str; 22] = [
    "insert into control_plane.audit_log_retention_runs (id, kept_at, started_by)
     values (gen_random_uuid(), now(), 'system')",
    "delete from control_plane.audit_log_retention_removals",
    "truncate control_plane.audit_log_retention_rules",
    "insert into control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id, xact_id)
     values ('u1', 'user', 'project.created', 'project', 'p1', '3')",
    "insert into control_plane.audit_logs select * from control_plane.audit_logs",
    "update control_plane.audit_api_keys set revoked_at = null",
    "update control_plane.audit_logs set action = 'x.y'",
    "delete from control_plane.audit_logs",
    "truncate control_plane.audit_logs",
    "update control_plane.audit_api_keys set scopes = '{admin}'",
    "update control_plane.audit_api_keys set expires_at = null, tenant_id = null",
    "delete from control_plane.audit_api_keys",
    "truncate control_plane.audit_api_keys",
    "delete from control_plane.schema_migrations",
    "update control_plane.audit_log_entries set records = 1",
    "delete from control_plane.audit_log_entries",
    "truncate control_plane.audit_log_entries",
    "delete from control_plane.audit_log_sequencer",
    "update control_plane.audit_log_text_blocks set bits = bits",
    "delete from control_plane.audit_log_text_blocks",
    "create table control_plane.mine (id int)",
    ATTACH,
];

async fn can_run(db: &mut PgConnection, statement: &str) -> bool {
    match sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(db).await {
        Ok(_) => true,
        Err(error) => {
            let code = error.as_database_error().unwrap().code().unwrap().into_owned();
            assert_eq!(code, "42501", "{statement}: {error}");
            false
        }
    }
}

/// Checks that a role can run exactly the allowed statements.
async fn check(db: &TestDb, role: PgConnectOptions, allowed: &[&str]) {
    let name = role.get_username().to_owned();
    let mut connection = db.connect(role).await;
    for statement in [
        INSERT,
        CALL,
        READ,
        CHANGES,
        HISTORY,
        READ_KEYS,
        CREATE_KEY,
        REVOKE_KEY,
        READ_RULES,
        SET_RULE,
        REMOVE_RULE,
        READ_ORDER,
        SEQUENCE,
    ] {
        let can_run = can_run(&mut connection, statement).await;
        assert_eq!(can_run, allowed.contains(&statement), "{name}: {statement}");
    }
    for statement in FORBIDDEN {
        assert!(!can_run(&mut connection, statement).await, "{name}: {statement}");
    }
}

fn roles() -> Roles {
    let role = |name: &str| Some(name.parse().unwrap());
    Roles {
        writer: role("auditrail_app"),
        reader: role("auditrail_reader"),
        service: role("auditrail_service"),
    }
}

#[tokio::test]
async fn each_role_has_the_least_privileges() {
    let db = TestDb::empty().await;
    let mut owner = db.connect(db.owner()).await;
    auditrail_store::migrate::migrate(&db.pool(db.owner()).await).await.unwrap();
    // As in a database without default privileges, and after a restore without privileges.
    sql(
        &mut owner,
        "revoke execute on all functions in schema control_plane from public;
         grant execute on function control_plane.record_row_change() to public",
    )
    .await;
    for role in [db.app(), db.reader(), db.service()] {
        check(&db, role, &[]).await;
    }
    // Twice, because it must be idempotent.
    sql(&mut owner, &grants::sql(&roles())).await;
    sql(&mut owner, &grants::sql(&roles())).await;
    check(&db, db.app(), &[INSERT, CALL, READ, HISTORY]).await;
    check(&db, db.reader(), &[READ, CHANGES, HISTORY, READ_ORDER, READ_RULES]).await;
    let service = [
        INSERT,
        CALL,
        READ,
        HISTORY,
        READ_KEYS,
        CREATE_KEY,
        REVOKE_KEY,
        READ_RULES,
        SET_RULE,
        REMOVE_RULE,
        READ_ORDER,
        SEQUENCE,
    ];
    check(&db, db.service(), &service).await;
}

#[tokio::test]
async fn privileges_in_the_catalog_are_the_printed_ones() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let privileges: Vec<String> = sqlx::query_scalar(
        "select distinct grantee::regrole || ' ' || privilege_type || ' ' || relname
           from pg_class, aclexplode(relacl)
          where relnamespace = 'control_plane'::regnamespace and grantee <> relowner
         union
         select grantee::regrole || ' ' || privilege_type || ' ' || relname || '.'
                || case privilege_type when 'INSERT' then '(' || count(*) || ' columns)'
                                       else string_agg(attname, ', ') end
           from pg_attribute, aclexplode(attacl), pg_class c
          where attrelid = c.oid and relnamespace = 'control_plane'::regnamespace
          group by grantee, privilege_type, relname
          order by 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    // All but xact_id; a writer does not choose recorded_by either.
    let columns: i64 = sqlx::query_scalar(
        "select count(*) - 1 from pg_attribute
          where attrelid = 'control_plane.audit_logs'::regclass and attnum > 0 and not attisdropped",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    let printed = PRINTED.map(|privilege| {
        let writer = format!("({} columns)", columns - 1);
        let service = format!("({columns} columns)");
        privilege.replace("(WRITER columns)", &writer).replace("(SERVICE columns)", &service)
    });
    assert_eq!(privileges, printed);
}

/// The privileges that the script grants, with the number of columns that each role inserts.
const PRINTED: [&str; 59] = [
    "auditrail_app INSERT audit_logs.(WRITER columns)",
    "auditrail_app SELECT audit_logs",
    "auditrail_app SELECT schema_migrations",
    "auditrail_reader SELECT audit_log_bundles",
    "auditrail_reader SELECT audit_log_checkpoints",
    "auditrail_reader SELECT audit_log_entries",
    "auditrail_reader SELECT audit_log_retention_removals",
    "auditrail_reader SELECT audit_log_retention_rules",
    "auditrail_reader SELECT audit_log_retention_runs",
    "auditrail_reader SELECT audit_log_sequencer",
    "auditrail_reader SELECT audit_log_text_blocks",
    "auditrail_reader SELECT audit_log_text_index",
    "auditrail_reader SELECT audit_log_tiles",
    "auditrail_reader SELECT audit_log_tree",
    "auditrail_reader SELECT audit_log_verifier_keys",
    "auditrail_reader SELECT audit_logs",
    "auditrail_reader SELECT schema_migrations",
    "auditrail_service DELETE audit_log_checkpoints",
    "auditrail_service DELETE audit_log_retention_rules",
    "auditrail_service INSERT audit_api_keys",
    "auditrail_service INSERT audit_log_bundles",
    "auditrail_service INSERT audit_log_checkpoints",
    "auditrail_service INSERT audit_log_entries",
    "auditrail_service INSERT audit_log_holds",
    "auditrail_service INSERT audit_log_record_keys",
    "auditrail_service INSERT audit_log_retention_rules",
    "auditrail_service INSERT audit_log_text_blocks",
    "auditrail_service INSERT audit_log_tiles",
    "auditrail_service INSERT audit_log_verifier_keys",
    "auditrail_service INSERT audit_logs.(SERVICE columns)",
    "auditrail_service SELECT audit_api_keys",
    "auditrail_service SELECT audit_log_bundles",
    "auditrail_service SELECT audit_log_checkpoints",
    "auditrail_service SELECT audit_log_entries",
    "auditrail_service SELECT audit_log_erased_records",
    "auditrail_service SELECT audit_log_erasures",
    "auditrail_service SELECT audit_log_holds",
    "auditrail_service SELECT audit_log_record_keys",
    "auditrail_service SELECT audit_log_retention_removals",
    "auditrail_service SELECT audit_log_retention_rules",
    "auditrail_service SELECT audit_log_retention_runs",
    "auditrail_service SELECT audit_log_sequencer",
    "auditrail_service SELECT audit_log_text_blocks",
    "auditrail_service SELECT audit_log_text_index",
    "auditrail_service SELECT audit_log_tiles",
    "auditrail_service SELECT audit_log_tree",
    "auditrail_service SELECT audit_log_verifier_keys",
    "auditrail_service SELECT audit_logs",
    "auditrail_service SELECT schema_migrations",
    "auditrail_service UPDATE audit_api_keys.revoked_at",
    "auditrail_service UPDATE audit_log_bundles",
    "auditrail_service UPDATE audit_log_checkpoints",
    "auditrail_service UPDATE audit_log_holds",
    "auditrail_service UPDATE audit_log_record_keys",
    "auditrail_service UPDATE audit_log_retention_rules",
    "auditrail_service UPDATE audit_log_sequencer",
    "auditrail_service UPDATE audit_log_text_index",
    "auditrail_service UPDATE audit_log_tiles",
    "auditrail_service UPDATE audit_log_tree",
];

#[tokio::test]
async fn earlier_grants_are_narrowed() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, "grant insert on control_plane.audit_logs to auditrail_app").await;
    sql(&mut owner, &grants::sql(&roles())).await;
    check(&db, db.app(), &[INSERT, CALL, READ, CHANGES, HISTORY]).await;
}
