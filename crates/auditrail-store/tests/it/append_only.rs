//! Records cannot be changed.

use auditrail_testkit::TestDb;
use sqlx::{AssertSqlSafe, PgConnection};

const RECORD: &str =
    "insert into control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id)
                      values ('u1', 'user', 'project.created', 'project', 'p1')";

async fn rejection(db: &mut PgConnection, sql: &str) -> String {
    let result = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *db).await;
    let error = result.err().unwrap_or_else(|| panic!("`{sql}` should have been rejected"));
    sqlx::raw_sql("rollback").execute(db).await.unwrap();
    error.as_database_error().unwrap().message().to_owned()
}

async fn run(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(db).await.unwrap();
}

#[tokio::test]
async fn application_can_only_insert_and_read() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    run(&mut app, RECORD).await;
    for sql in [
        "update control_plane.audit_logs set action = 'x.y'",
        "delete from control_plane.audit_logs",
        "truncate control_plane.audit_logs",
    ] {
        let message = rejection(&mut app, sql).await;
        assert_eq!(message, "permission denied for table audit_logs", "{sql}");
    }
}

#[tokio::test]
async fn owner_and_superuser_cannot_change_records() {
    let db = TestDb::migrated().await;
    for role in [db.owner(), db.admin()] {
        let mut connection = db.connect(role).await;
        run(&mut connection, RECORD).await;
        for (sql, verb) in [
            ("update control_plane.audit_logs set action = 'x.y'", "UPDATE"),
            ("delete from control_plane.audit_logs where false", "DELETE"),
            ("truncate control_plane.audit_logs", "TRUNCATE"),
            (
                "insert into control_plane.audit_logs select * from control_plane.audit_logs
                 on conflict (id) do update set action = 'x.y'",
                "UPDATE",
            ),
        ] {
            let message = rejection(&mut connection, sql).await;
            let expected = format!(
                "{verb} on control_plane.audit_logs is refused: audit records are not changed or removed"
            );
            assert_eq!(message, expected);
        }
    }
}

#[tokio::test]
async fn refusal_says_how_the_owner_removes_records() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let error = sqlx::raw_sql("delete from control_plane.audit_logs").execute(&mut owner).await;
    let error = error.unwrap_err();
    let error = error.as_database_error().unwrap();
    let error = error.downcast_ref::<sqlx::postgres::PgDatabaseError>();
    let hint = error.hint().unwrap();
    assert!(hint.contains("set local auditrail.maintenance = 'retention'"), "{hint}");
    assert!(hint.contains("docs/operations.md"), "{hint}");
}

#[tokio::test]
async fn replica_mode_does_not_disable_the_guard() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    run(&mut admin, RECORD).await;
    run(&mut admin, "set session_replication_role = replica").await;
    let message = rejection(&mut admin, "delete from control_plane.audit_logs").await;
    assert!(message.starts_with("DELETE on control_plane.audit_logs is refused"), "{message}");
}

#[tokio::test]
async fn maintenance_mode_allows_changes_in_one_transaction() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, RECORD).await;
    let erasure = "begin; set local auditrail.maintenance = 'erasure'; ";
    let retention = "begin; set local auditrail.maintenance = 'retention'; ";

    rejection(&mut owner, &format!("{erasure} delete from control_plane.audit_logs")).await;
    rejection(
        &mut owner,
        &format!("{retention} update control_plane.audit_logs set user_agent = null"),
    )
    .await;
    rejection(&mut owner, &format!("{retention} truncate control_plane.audit_logs")).await;
    run(
        &mut owner,
        &format!("{erasure} update control_plane.audit_logs set user_agent = null; commit"),
    )
    .await;
    rejection(&mut owner, "update control_plane.audit_logs set user_agent = null").await;
    run(&mut owner, &format!("{retention} delete from control_plane.audit_logs; commit")).await;
}

/// The number of statements that the guard has let through.
async fn changes(db: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select changes from control_plane.audit_log_maintenance")
        .fetch_one(db)
        .await
        .unwrap()
}

#[tokio::test]
async fn permitted_changes_are_counted_once_a_statement() {
    for db in [TestDb::migrated().await, TestDb::plain().await] {
        let mut owner = db.connect(db.owner()).await;
        run(&mut owner, &format!("{RECORD}; {RECORD}; {RECORD}")).await;
        assert_eq!(changes(&mut owner).await, 0);
        rejection(&mut owner, "delete from control_plane.audit_logs").await;
        assert_eq!(changes(&mut owner).await, 0);
        let erasure = "begin; set local auditrail.maintenance = 'erasure'; ";
        let update = "update control_plane.audit_logs set user_agent = null";
        run(&mut owner, &format!("{erasure} {update}; {update} where false; commit")).await;
        assert_eq!(changes(&mut owner).await, 2);
        run(&mut owner, &format!("{erasure} {update}; rollback")).await;
        assert_eq!(changes(&mut owner).await, 2);
        // Without its row it is counted from there on.
        run(&mut owner, "delete from control_plane.audit_log_maintenance").await;
        let retention = "begin; set local auditrail.maintenance = 'retention'; ";
        run(&mut owner, &format!("{retention} delete from control_plane.audit_logs; commit")).await;
        assert_eq!(changes(&mut owner).await, 1);
        for role in [db.app(), db.service(), db.reader()] {
            let sql = "update control_plane.audit_log_maintenance set changes = 0";
            let message = rejection(&mut db.connect(role).await, sql).await;
            assert_eq!(message, "permission denied for table audit_log_maintenance");
        }
    }
}

#[tokio::test]
async fn change_of_a_single_partition_is_permitted_and_counted_alike() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, RECORD).await;
    for partition in ["audit_logs_hot", "audit_logs_rest"] {
        let before = changes(&mut owner).await;
        for role in [db.owner(), db.admin()] {
            let mut connection = db.connect(role).await;
            for (sql, verb) in [("delete from", "DELETE"), ("truncate", "TRUNCATE")] {
                let message =
                    rejection(&mut connection, &format!("{sql} control_plane.{partition}")).await;
                assert!(message.starts_with(&format!("{verb} on control_plane.{partition} is")));
            }
        }
        let app = &mut db.connect(db.app()).await;
        let message = rejection(app, &format!("select from control_plane.{partition}")).await;
        assert_eq!(message, format!("permission denied for table {partition}"));
        let retention = "begin; set local auditrail.maintenance = 'retention'; ";
        run(&mut owner, &format!("{retention} delete from control_plane.{partition}; commit"))
            .await;
        assert_eq!(changes(&mut owner).await, before + 1);
    }
}

#[tokio::test]
async fn maintenance_mode_requires_the_owner() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, "grant update, delete on control_plane.audit_logs to auditrail_app").await;
    let mut app = db.connect(db.app()).await;
    run(&mut app, RECORD).await;
    let sql = "begin; set local auditrail.maintenance = 'retention'; delete from control_plane.audit_logs";
    let message = rejection(&mut app, sql).await;
    assert!(message.starts_with("DELETE on control_plane.audit_logs is refused"), "{message}");
}

#[tokio::test]
async fn records_of_one_transaction_have_its_id() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    run(&mut app, &format!("begin; {RECORD}; {RECORD}; commit; {RECORD}")).await;
    let counts: Vec<i64> = sqlx::query_scalar(
        "select count(*) from control_plane.audit_logs group by xact_id order by xact_id",
    )
    .fetch_all(&mut app)
    .await
    .unwrap();
    assert_eq!(counts, [2, 1]);
}

#[tokio::test]
async fn records_cannot_be_changed_through_a_parent_table() {
    let db = TestDb::plain().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, RECORD).await;
    run(
        &mut owner,
        "create table public.p (like control_plane.audit_logs including defaults including constraints);
         alter table control_plane.audit_logs inherit public.p",
    )
    .await;
    for (role, sql, verb) in [
        (db.owner(), "update public.p set actor_id = 'tampered'", "UPDATE"),
        (db.owner(), "delete from public.p", "DELETE"),
        (db.owner(), "truncate public.p", "TRUNCATE"),
        (db.admin(), "set session_replication_role = replica; delete from public.p", "DELETE"),
        (
            db.admin(),
            "begin; set local auditrail.maintenance = 'erasure'; delete from public.p",
            "DELETE",
        ),
    ] {
        let message = rejection(&mut db.connect(role).await, sql).await;
        let expected = format!("{verb} on control_plane.audit_logs is refused");
        assert!(message.starts_with(&expected), "{sql}: {message}");
    }
    let untouched = "select actor_id from control_plane.audit_logs";
    let actors: Vec<String> = sqlx::query_scalar(untouched).fetch_all(&mut owner).await.unwrap();
    assert_eq!(actors, ["u1"]);
}

#[tokio::test]
async fn records_cannot_be_changed_through_a_partitioned_table() {
    let db = TestDb::plain().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, RECORD).await;
    run(
        &mut owner,
        "create table public.p (like control_plane.audit_logs including defaults)
             partition by range (created_at);
         create table public.elsewhere partition of public.p for values from ('1990-01-01') to ('1991-01-01');
         alter table public.p attach partition control_plane.audit_logs default",
    )
    .await;
    for (sql, verb) in [
        ("update public.p set actor_id = 'tampered'", "UPDATE"),
        ("update public.p set created_at = '1990-02-02'", "UPDATE"),
        ("delete from public.p", "DELETE"),
        ("truncate public.p", "TRUNCATE"),
    ] {
        let message = rejection(&mut owner, sql).await;
        let expected = format!("{verb} on control_plane.audit_logs is refused");
        assert!(message.starts_with(&expected), "{sql}: {message}");
    }
}

#[tokio::test]
async fn records_cannot_be_changed_by_a_join_merge_or_foreign_key() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    run(&mut owner, RECORD).await;
    run(
        &mut owner,
        "create table public.actors (id text primary key);
         insert into public.actors values ('u1');
         alter table control_plane.audit_logs add foreign key (actor_id) references public.actors
             on delete cascade on update cascade",
    )
    .await;
    for (sql, verb) in [
        ("delete from public.actors", "DELETE"),
        ("update public.actors set id = 'u2'", "UPDATE"),
        (
            "update control_plane.audit_logs l set action = 'x.y' from public.actors a where a.id = l.actor_id",
            "UPDATE",
        ),
        (
            "with gone as (delete from control_plane.audit_logs returning *) select * from gone",
            "DELETE",
        ),
    ] {
        let message = rejection(&mut owner, sql).await;
        let expected = format!("{verb} on control_plane.audit_logs is refused");
        assert!(message.starts_with(&expected), "{sql}: {message}");
    }
}

#[tokio::test]
async fn times_that_no_record_can_have_are_rejected() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    for time in ["infinity", "-infinity", "294276-01-01", "9999-12-31", "0001-12-31 BC"] {
        let sql = RECORD
            .replace("target_id)", "target_id, created_at)")
            .replace("'p1')", &format!("'p1', '{time}')"));
        let message = rejection(&mut app, &sql).await;
        assert!(message.contains("audit_logs_created_at_check"), "{time}: {message}");
    }
    for time in ["0001-01-01 00:00:00Z", "9999-12-30 22:00:00Z", "now"] {
        let sql = RECORD
            .replace("target_id)", "target_id, created_at)")
            .replace("'p1')", &format!("'p1', '{time}')"));
        run(&mut app, &sql).await;
    }
}

#[tokio::test]
async fn revocation_of_a_key_is_final() {
    let db = TestDb::migrated().await;
    let mut service = db.connect(db.service()).await;
    run(
        &mut service,
        "insert into control_plane.audit_api_keys (id, hash, hint, scopes, created_by)
         values (gen_random_uuid(), sha256('a'), 'adt', '{write}', 'system')",
    )
    .await;
    let infinite = "update control_plane.audit_api_keys set revoked_at = 'infinity'";
    assert!(rejection(&mut service, infinite).await.contains("is set once"));
    run(&mut service, "update control_plane.audit_api_keys set revoked_at = now()").await;
    for (role, value) in [
        (db.service(), "null"),
        (db.service(), "revoked_at + interval '1 year'"),
        (db.owner(), "null"),
        (db.admin(), "null"),
    ] {
        let sql = format!("update control_plane.audit_api_keys set revoked_at = {value}");
        let message = rejection(&mut db.connect(role).await, &sql).await;
        assert!(message.ends_with("revoked_at is set once"), "{value}: {message}");
    }
    run(&mut service, "update control_plane.audit_api_keys set revoked_at = revoked_at").await;
}
