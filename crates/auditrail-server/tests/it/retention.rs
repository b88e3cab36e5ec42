//! The background task that removes expired records.

use std::path::PathBuf;
use std::time::Duration;

use auditrail_core::{Actor, KeepDays, NewRetentionRule, RequestContext};
use auditrail_server::background::{Outcome, TaskHandle, TaskStatus};
use auditrail_store::archive::ArchiveDir;
use auditrail_store::{PgRetention, RetentionRun};
use auditrail_testkit::{eventually, until};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use tempfile::TempDir;

use crate::support::lines::Lines;
use crate::support::service::{Running, Service, record};

const RECORDS: &str = "select action from control_plane.audit_logs
    where action like 'project.%' order by tenant_id collate \"C\", action collate \"C\"";
/// The lock of everything that changes partitions.
const TAKE_LOCK: &str = "select pg_advisory_lock(
    ('x' || substr(encode(sha256('auditrail partitions'), 'hex'), 1, 16))::bit(64)::bigint)::text";

/// A service with two old records of t1 and one of t2, whose task has not run yet.
struct Log {
    service: Service,
    admin: Running,
    task: TaskHandle,
    owner: PgConnection,
}

impl Log {
    async fn start(is_owner: bool, archive_dir: Option<PathBuf>) -> Self {
        let service = Service::start().await;
        let old = |number, tenant| {
            let mut record = record(number, Some(tenant));
            record["created_at"] = "2020-01-02T03:04:05Z".into();
            record
        };
        service.write(vec![old(1, "t1"), old(2, "t1"), old(3, "t2")]).await;
        let role = if is_owner { service.db.owner() } else { service.db.service() };
        let task = service.app.start_retention(RetentionRun::new(role), archive_dir);
        let admin = Running::admin(&service.app, None).await;
        let owner = service.db.connect(service.db.owner()).await;
        Self { service, admin, task, owner }
    }

    /// Sets a rule that keeps records of t1 for 400 days.
    async fn set_rule(&self) {
        let retention = PgRetention::new(self.service.log.pool().clone());
        let new = NewRetentionRule {
            tenant_id: Some("t1".parse().unwrap()),
            action: None,
            keep_days: Some(KeepDays::new(400).unwrap()),
        };
        retention.set(&new, &Actor::System, &RequestContext::default()).await.unwrap();
    }

    /// Sets it as if ten minutes ago.
    async fn set_settled_rule(&mut self) {
        self.set_rule().await;
        let earlier = "update control_plane.audit_log_retention_rules
            set changed_at = changed_at - interval '10 minutes' returning id::text";
        assert_eq!(self.texts(earlier).await.len(), 1);
    }

    async fn texts(&mut self, query: &str) -> Vec<String> {
        let query = AssertSqlSafe(query.to_owned());
        sqlx::query_scalar(query).fetch_all(&mut self.owner).await.unwrap()
    }

    /// The metadata of the records of runs.
    async fn runs(&mut self) -> Vec<Value> {
        let query = "select metadata::text from control_plane.audit_logs
            where action = 'audit_log.retention_run' and actor_type = 'system'";
        let texts = self.texts(query).await;
        texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    fn status(&self) -> TaskStatus {
        let statuses = self.service.app.background().statuses();
        statuses.into_iter().find(|status| status.name == "retention").unwrap()
    }

    /// Lets the task run once, and returns the outcome.
    async fn run(&self) -> Outcome {
        let number = |status: &TaskStatus| status.succeeded + status.failed + status.panicked;
        let before = number(&self.status());
        self.task.wake();
        eventually("a run of the task", async || number(&self.status()) > before).await;
        self.status().last_outcome.unwrap()
    }

    /// The value of a metric of retention.
    async fn metric(&self, name: &str) -> u64 {
        let metrics = self.admin.get("/metrics").send().await;
        let text = String::from_utf8(metrics.body.to_vec()).unwrap();
        let name = format!("auditrail_retention_{name} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name)).unwrap();
        // The encoder writes gauges with a decimal point.
        value.trim_end_matches(".0").parse().unwrap()
    }
}

#[tokio::test]
async fn expired_records_are_removed_and_the_run_is_recorded() {
    let mut log = Log::start(true, None).await;
    assert_eq!(log.run().await, Outcome::Succeeded);
    assert_eq!(log.texts(RECORDS).await.len(), 3, "there are no rules");
    log.set_settled_rule().await;
    assert_eq!(log.run().await, Outcome::Succeeded);
    assert_eq!(log.texts(RECORDS).await, ["project.deleted"]);
    let runs = log.runs().await;
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["records"], json!(2));
    assert_eq!(log.metric("records_removed_total").await, 2);
    assert_eq!(log.metric("failures_total").await, 0);
    assert!(log.metric("last_success_time_seconds").await > 1_700_000_000);
    // Nothing is left to remove, so there is nothing to record.
    assert_eq!(log.run().await, Outcome::Succeeded);
    assert_eq!(log.runs().await.len(), 1);
}

#[tokio::test]
async fn the_first_run_is_not_at_the_start() {
    let log = Log::start(true, None).await;
    // A task that runs at the start has done so when another one, which starts later, has.
    let later = auditrail_server::background::from_fn(
        "later",
        auditrail_server::background::Schedule::Once,
        || async { Ok(()) },
    );
    log.service.app.background().start(later);
    eventually("a run of another task", async || {
        let statuses = log.service.app.background().statuses();
        statuses.iter().any(|status| status.name == "later" && status.succeeded == 1)
    })
    .await;
    assert_eq!(log.status().last_start, None);
}

#[tokio::test]
async fn a_rule_that_was_just_set_removes_nothing_yet() {
    let mut log = Log::start(true, None).await;
    log.set_rule().await;
    assert_eq!(log.run().await, Outcome::Succeeded);
    assert_eq!(log.texts(RECORDS).await.len(), 3);
    assert_eq!(log.metric("last_success_time_seconds").await, 0);
    log.set_settled_rule().await;
    assert_eq!(log.run().await, Outcome::Succeeded);
    assert_eq!(log.texts(RECORDS).await.len(), 1);
}

#[tokio::test]
async fn a_role_that_is_not_the_owner_removes_nothing_and_warns_once() {
    let lines = Lines::collect();
    let mut log = Log::start(false, None).await;
    let warnings = || {
        let lines = lines.collected();
        lines.iter().filter(|line| line.contains("expired records are not removed")).count()
    };
    assert_eq!(log.run().await, Outcome::Succeeded);
    assert_eq!(warnings(), 0, "there are no rules");
    log.set_settled_rule().await;
    for _ in 0..2 {
        assert_eq!(log.run().await, Outcome::Succeeded);
        assert_eq!(warnings(), 1);
    }
    assert_eq!(log.texts(RECORDS).await.len(), 3);
    assert_eq!(log.metric("failures_total").await, 0);
}

#[tokio::test]
async fn nothing_is_removed_until_it_can_be_archived() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("archives");
    let mut log = Log::start(true, Some(dir.clone())).await;
    log.set_settled_rule().await;
    let Outcome::Failed(error) = log.run().await else { panic!("{:?}", log.status()) };
    assert!(error.contains("archives"), "{error}");
    assert_eq!(log.metric("failures_total").await, 1);
    assert_eq!(log.texts(RECORDS).await.len(), 3);
    assert!(log.runs().await.is_empty());

    std::fs::create_dir(&dir).unwrap();
    assert_eq!(log.run().await, Outcome::Succeeded);
    assert_eq!(log.texts(RECORDS).await.len(), 1);
    let archives = ArchiveDir::open(&dir).unwrap().list().unwrap();
    let records: u64 = archives.iter().map(|one| one.manifest.as_ref().unwrap().records).sum();
    assert_eq!(records, 2);
}

#[tokio::test]
async fn a_lock_that_another_process_has_is_no_failure() {
    let mut log = Log::start(true, None).await;
    log.set_settled_rule().await;
    let mut other = log.service.db.connect(log.service.db.owner()).await;
    sqlx::query(TAKE_LOCK).execute(&mut other).await.unwrap();
    assert_eq!(log.run().await, Outcome::Succeeded);
    assert_eq!(log.texts(RECORDS).await.len(), 3);
    assert_eq!(log.metric("failures_total").await, 0);
    assert_eq!(log.metric("last_success_time_seconds").await, 0);
    sqlx::query("select pg_advisory_unlock_all()").execute(&mut other).await.unwrap();
    assert_eq!(log.run().await, Outcome::Succeeded);
    assert_eq!(log.texts(RECORDS).await.len(), 1);
}

/// The run cannot commit its first step before the stop is requested, because the rules are locked.
#[tokio::test]
async fn shutdown_ends_a_run_after_its_step() {
    let mut log = Log::start(true, None).await;
    log.set_settled_rule().await;
    let many = "insert into control_plane.audit_logs
            (id, actor_id, actor_type, action, target_type, target_id, tenant_id, created_at)
        select (lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
                   || '7' || substr(gen_random_uuid()::text, 16))::uuid,
               'u1', 'user', 'project.created', 'project', 'p1', 't1', '2020-01-02T03:04:05Z'
          from generate_series(1, 12000)";
    log.service.db.as_owner(many).await;
    sqlx::query("begin").execute(&mut log.owner).await.unwrap();
    let lock = "lock table control_plane.audit_log_retention_rules in row exclusive mode";
    sqlx::query(lock).execute(&mut log.owner).await.unwrap();
    log.task.wake();
    // Its row is written at the start of the first step.
    let mut observer = log.service.db.connect(log.service.db.admin()).await;
    let has_begun = "select exists (select from control_plane.audit_log_retention_runs)";
    until(&mut observer, has_begun).await;
    let background = log.service.app.background().clone();
    let (aborted, _) = tokio::join!(
        background.stop(Duration::from_secs(60)),
        sqlx::query("commit").execute(&mut log.owner)
    );
    assert_eq!(aborted, Vec::<&str>::new());
    assert_eq!(log.status().last_outcome, Some(Outcome::Succeeded));
    let left = log.texts(RECORDS).await.len();
    // One step of at most 5,000 records.
    assert!((7_000..12_003).contains(&left), "{left}");
    let runs = log.runs().await;
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["records"], json!(12_003 - left));
}
