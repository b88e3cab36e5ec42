//! Records are added and not changed.

use auditrail_testkit::TestDb;
use sqlx::{AssertSqlSafe, PgConnection};

const RECORD: &str =
    "insert into control_plane.audit_logs (actor_id, actor_type, action, target_type, target_id)
                      values ('u1', 'user', 'project.created', 'project', 'p1')";

async fn refused(db: &mut PgConnection, sql: &str) -> String {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *db).await;
    let error = done.err().unwrap_or_else(|| panic!("`{sql}` should have been refused"));
    sqlx::raw_sql("rollback").execute(db).await.unwrap();
    error.as_database_error().unwrap().message().to_owned()
}

async fn done(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(db).await.unwrap();
}

#[tokio::test]
async fn the_application_may_add_and_read_and_nothing_else() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    done(&mut app, RECORD).await;
    for sql in [
        "update control_plane.audit_logs set action = 'x.y'",
        "delete from control_plane.audit_logs",
        "truncate control_plane.audit_logs",
    ] {
        let message = refused(&mut app, sql).await;
        assert_eq!(message, "permission denied for table audit_logs", "{sql}");
    }
}

#[tokio::test]
async fn the_owner_and_the_superuser_are_refused_too() {
    let db = TestDb::migrated().await;
    for role in [db.owner(), db.admin()] {
        let mut connection = db.connect(role).await;
        done(&mut connection, RECORD).await;
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
            let message = refused(&mut connection, sql).await;
            let expected = format!(
                "{verb} on control_plane.audit_logs is refused: audit records are not changed or removed"
            );
            assert_eq!(message, expected);
        }
    }
}

#[tokio::test]
async fn replica_mode_does_not_switch_the_guard_off() {
    let db = TestDb::migrated().await;
    let mut admin = db.connect(db.admin()).await;
    done(&mut admin, RECORD).await;
    done(&mut admin, "set session_replication_role = replica").await;
    let message = refused(&mut admin, "delete from control_plane.audit_logs").await;
    assert!(message.starts_with("DELETE on control_plane.audit_logs is refused"), "{message}");
}

#[tokio::test]
async fn retention_opens_delete_and_erasure_opens_update_for_one_transaction() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    done(&mut owner, RECORD).await;
    let erasure = "begin; set local auditrail.maintenance = 'erasure'; ";
    let retention = "begin; set local auditrail.maintenance = 'retention'; ";

    refused(&mut owner, &format!("{erasure} delete from control_plane.audit_logs")).await;
    refused(
        &mut owner,
        &format!("{retention} update control_plane.audit_logs set user_agent = null"),
    )
    .await;
    refused(&mut owner, &format!("{retention} truncate control_plane.audit_logs")).await;
    done(
        &mut owner,
        &format!("{erasure} update control_plane.audit_logs set user_agent = null; commit"),
    )
    .await;
    refused(&mut owner, "update control_plane.audit_logs set user_agent = null").await;
    done(&mut owner, &format!("{retention} delete from control_plane.audit_logs; commit")).await;
}

#[tokio::test]
async fn the_doors_are_shut_for_a_role_that_does_not_own_the_table() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    done(&mut owner, "grant update, delete on control_plane.audit_logs to auditrail_app").await;
    let mut app = db.connect(db.app()).await;
    done(&mut app, RECORD).await;
    let sql = "begin; set local auditrail.maintenance = 'retention'; delete from control_plane.audit_logs";
    let message = refused(&mut app, sql).await;
    assert!(message.starts_with("DELETE on control_plane.audit_logs is refused"), "{message}");
}

#[tokio::test]
async fn records_of_one_transaction_carry_its_id() {
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    done(&mut app, &format!("begin; {RECORD}; {RECORD}; commit; {RECORD}")).await;
    let counts: Vec<i64> = sqlx::query_scalar(
        "select count(*) from control_plane.audit_logs group by xact_id order by xact_id",
    )
    .fetch_all(&mut app)
    .await
    .unwrap();
    assert_eq!(counts, [2, 1]);
}
