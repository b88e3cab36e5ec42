//! `/readyz`.

use auditrail_core::CursorKey;
use auditrail_store::{GroupWriter, PgAuditLog, WriterLimits};
use auditrail_testkit::TestDb;
use futures_util::future::join_all;
use tokio::time::{Duration, Instant, sleep};

use crate::support::client::Answer;
use crate::support::service::{Running, Service, app};

async fn log(db: &TestDb) -> PgAuditLog {
    PgAuditLog::new(db.pool(db.app()).await, CursorKey::public())
}

#[tokio::test]
async fn a_migrated_database_is_ready() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    let ready = until(&admin, |answer| answer.status.as_u16() == 200).await;
    assert_eq!(ready.json()["status"], "ready");
}

#[tokio::test]
async fn pending_migrations_are_not_ready() {
    let db = TestDb::empty().await;
    let admin = Running::admin(&app(log(&db).await), None).await;
    until(&admin, |answer| answer.problem() == (503, "migrations_pending".to_owned())).await;
    assert_eq!(admin.get("/livez").send().await.status.as_u16(), 200);
}

#[tokio::test]
async fn an_edited_migration_is_not_ready() {
    let db = TestDb::migrated().await;
    db.as_owner("update control_plane.schema_migrations set checksum = '\\x00' where version = 1")
        .await;
    let admin = Running::admin(&app(log(&db).await), None).await;
    until(&admin, |answer| answer.problem() == (503, "history_problem".to_owned())).await;
}

#[tokio::test]
async fn an_unreachable_database_is_not_ready() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut connection = db.connect(db.admin()).await;
    // The database refuses connections of ordinary roles, and the open ones are closed.
    let statements = "do $$ begin
           execute format('alter database %I with connection limit 0', current_database());
         end $$;
         select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    let admin = Running::admin(&app(log), None).await;
    let ready = admin.get("/readyz").send().await;
    assert_eq!(ready.problem().0, 503);
    assert_eq!(ready.header("retry-after"), "1");
}

#[tokio::test]
async fn a_slow_database_is_not_ready() {
    let db = TestDb::migrated().await;
    db.as_owner(
        "alter table control_plane.schema_migrations rename to history;
         create view control_plane.schema_migrations as
           select history.* from control_plane.history, pg_sleep(300);
         grant select on control_plane.schema_migrations to auditrail_app",
    )
    .await;
    let admin = Running::admin(&app(log(&db).await), None).await;
    let checks = join_all((0..5).map(|_| admin.get("/readyz").send())).await;
    for answer in checks {
        assert_eq!(answer.problem(), (503, "database_busy".to_owned()));
    }
    assert_eq!(admin.get("/livez").send().await.status.as_u16(), 200);
}

#[tokio::test]
async fn concurrent_checks_share_one_connection() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    let mut watcher = service.db.connect(service.db.admin()).await;
    join_all((0..20).map(|_| admin.get("/readyz").send())).await;
    until(&admin, |answer| answer.status.as_u16() == 200).await;
    join_all((0..20).map(|_| admin.get("/readyz").send())).await;
    auditrail_testkit::until(
        &mut watcher,
        "select count(*) = 1 from pg_stat_activity
          where datname = current_database() and application_name = 'auditrail readiness'",
    )
    .await;
}

#[tokio::test]
async fn a_shutting_down_service_is_not_ready_but_serves() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    until(&admin, |answer| answer.status.as_u16() == 200).await;
    service.app.shutting_down().begin();
    assert_eq!(admin.get("/readyz").send().await.problem(), (503, "shutting_down".to_owned()));
    assert_eq!(admin.get("/livez").send().await.status.as_u16(), 200);
    let answer = service.get("/v1/audit-logs").key("read").send().await;
    assert_eq!(answer.status.as_u16(), 200);
}

#[tokio::test]
async fn a_role_without_a_privilege_is_not_ready() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    for (privilege, back) in [
        ("insert (recorded_by) on control_plane.audit_logs", None),
        ("select on control_plane.audit_logs", None),
        ("insert on control_plane.audit_api_keys", None),
        ("update (revoked_at) on control_plane.audit_api_keys", None),
        (
            "execute on function control_plane.audit_intent_is_open(uuid, text)",
            Some(
                "revoke execute on function control_plane.audit_intent_is_open(uuid, text) from public",
            ),
        ),
    ] {
        until(&admin, |answer| answer.status.as_u16() == 200).await;
        if let Some(default) = back {
            service.db.as_owner(default).await;
        }
        service.db.as_owner(&format!("revoke {privilege} from auditrail_service")).await;
        let is_reported = |answer: &Answer| {
            answer.status.as_u16() == 503 && answer.problem().1 == "permission_denied"
        };
        until(&admin, is_reported).await;
        service.db.as_owner(&format!("grant {privilege} to auditrail_service")).await;
    }
    until(&admin, |answer| answer.status.as_u16() == 200).await;
}

#[tokio::test]
async fn a_writer_outage_is_not_ready_until_it_ends() {
    let service = Service::start().await;
    let forbid = "revoke insert on control_plane.audit_logs from auditrail_service";
    let allow = "grant insert on control_plane.audit_logs to auditrail_service";
    service.db.as_owner(forbid).await;
    let writer = GroupWriter::start(service.db.service(), WriterLimits::default());
    let admin = Running::admin(&service.app, Some(writer)).await;
    let is_forbidden = |answer: &Answer| {
        answer.status.as_u16() == 503 && answer.problem().1 == "permission_denied"
    };
    until(&admin, is_forbidden).await;
    service.db.as_owner(allow).await;
    until(&admin, |answer| answer.status.as_u16() == 200).await;
}

/// Polls until the response is the expected one: on a busy machine the database may be slow at first.
async fn until(admin: &Running, is_right: impl Fn(&Answer) -> bool) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = admin.get("/readyz").send().await;
        if is_right(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        sleep(Duration::from_millis(20)).await;
    }
}
