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
