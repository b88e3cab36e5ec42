//! Rules: which one applies, and their records.

use auditrail_core::{Actor, NewRetentionRule, RequestContext};
use auditrail_store::{PgRetention, RuleChange, StoreError};
use auditrail_testkit::TestDb;

use super::support::{plan, rule, texts};
use crate::support::sql;

/// How many days records of a tenant and an action are kept.
async fn days(db: &TestDb, tenant: &str, action: &str) -> Option<i64> {
    let mut service = db.connect(db.service()).await;
    sqlx::query_scalar(
        "select extract(epoch from now()
                    - control_plane.audit_log_kept_since(nullif($1, ''), $2, now()))::bigint / 86400",
    )
    .bind(tenant)
    .bind(action)
    .fetch_one(&mut service)
    .await
    .unwrap()
}

#[tokio::test]
async fn most_specific_rule_applies() {
    let db = TestDb::migrated().await;
    for (tenant, action, keep) in [
        ("", "", 100),
        ("", "project.*", 101),
        ("", "project.member.*", 102),
        ("", "project.member.added", 103),
        ("t1", "", 110),
        ("t1", "project.*", -1),
    ] {
        rule(&db, tenant, action, keep).await;
    }
    for (tenant, action, expected) in [
        ("", "user.invited", Some(100)),
        ("t2", "user.invited", Some(100)),
        ("", "project.created", Some(101)),
        ("", "project.member.removed", Some(102)),
        ("t2", "project.member.added", Some(103)),
        // The resource alone is not of the prefix, and neither is a longer name.
        ("", "project", Some(100)),
        ("", "projects.created", Some(100)),
        // A rule of the tenant comes first, even if another names the action.
        ("t1", "user.invited", Some(110)),
        ("t1", "project.member.added", None),
    ] {
        assert_eq!(days(&db, tenant, action).await, expected, "{tenant} {action}");
    }
}

#[tokio::test]
async fn records_without_a_rule_are_kept_for_ever() {
    let db = TestDb::migrated().await;
    assert_eq!(days(&db, "t1", "project.created").await, None);
    rule(&db, "t2", "", 30).await;
    assert_eq!(days(&db, "t1", "project.created").await, None);
    assert_eq!(days(&db, "", "project.created").await, None);
}

#[tokio::test]
async fn records_of_retention_need_a_rule_that_names_them() {
    let db = TestDb::migrated().await;
    rule(&db, "", "", 30).await;
    assert_eq!(days(&db, "", "audit_log.retention_run").await, None);
    assert_eq!(days(&db, "", "audit_log.read").await, Some(30));
    rule(&db, "", "audit_log.*", 60).await;
    assert_eq!(days(&db, "", "audit_log.retention_run").await, Some(60));
}

#[tokio::test]
async fn each_change_of_a_rule_is_recorded() {
    let db = TestDb::migrated().await;
    let retention = PgRetention::new(db.pool(db.service()).await);
    let (by, context) = (Actor::user("ana").unwrap(), RequestContext::default());
    let new = |keep_days: i64| NewRetentionRule {
        tenant_id: Some("t1".parse().unwrap()),
        action: Some("project.*".parse().unwrap()),
        keep_days: Some(auditrail_core::KeepDays::new(keep_days).unwrap()),
    };
    let created = retention.set(&new(30), &by, &context).await.unwrap();
    assert!(matches!(created, RuleChange::Created(_)), "{created:?}");
    let unchanged = retention.set(&new(30), &by, &context).await.unwrap();
    assert!(matches!(unchanged, RuleChange::Unchanged(_)), "{unchanged:?}");
    let changed = retention.set(&new(60), &Actor::System, &context).await.unwrap();
    let RuleChange::Changed(rule) = &changed else { panic!("{changed:?}") };
    assert_eq!((&rule.created_by, &rule.changed_by), (&by, &Actor::System));
    assert_eq!(retention.rules(None).await.unwrap(), std::slice::from_ref(rule));
    assert_eq!(retention.remove(rule.id, &by, &context).await.unwrap().as_ref(), Some(rule));
    assert_eq!(retention.remove(rule.id, &by, &context).await.unwrap(), None);
    assert_eq!(retention.rules(None).await.unwrap(), []);

    let records = texts(
        &db,
        "select concat_ws(' ', action, tenant_id, metadata ->> 'action', metadata ->> 'former_keep_days',
                          metadata ->> 'keep_days')
           from control_plane.audit_logs order by created_at, id",
    )
    .await;
    assert_eq!(
        records,
        [
            "audit_log.retention_rule_set t1 project.* 30",
            "audit_log.retention_rule_set t1 project.* 30 60",
            "audit_log.retention_rule_removed t1 project.* 60",
        ]
    );
}

#[tokio::test]
async fn rules_of_a_tenant_include_those_of_all() {
    let db = TestDb::migrated().await;
    rule(&db, "", "", 30).await;
    rule(&db, "t1", "", 40).await;
    rule(&db, "t2", "", 50).await;
    let retention = PgRetention::new(db.pool(db.reader()).await);
    let tenant = "t1".parse().unwrap();
    let rules = retention.rules(Some(&tenant)).await.unwrap();
    let days: Vec<i32> = rules.iter().map(|rule| rule.keep_days.unwrap().get()).collect();
    assert_eq!(days, [30, 40]);
    assert_eq!(retention.rules(None).await.unwrap().len(), 3);
}

#[tokio::test]
async fn database_refuses_short_and_second_rules() {
    let db = TestDb::migrated().await;
    let mut service = db.connect(db.service()).await;
    let insert = |tenant: &str, action: &str, days: &str| {
        format!(
            "insert into control_plane.audit_log_retention_rules values
                 (gen_random_uuid(), {tenant}, {action}, {days}, now(), 'system', now(), 'system')"
        )
    };
    for (statement, constraint) in [
        (insert("null", "null", "6"), "audit_log_retention_rules_keep_days_check"),
        (insert("null", "null", "0"), "audit_log_retention_rules_keep_days_check"),
        (insert("''", "null", "30"), "audit_log_retention_rules_tenant_id_check"),
        (insert("null", "'*'", "30"), "audit_log_retention_rules_action_check"),
    ] {
        let error = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut service).await;
        let error = error.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().constraint(), Some(constraint));
    }
    sql(&mut service, &insert("null", "null", "7")).await;
    let second = insert("null", "null", "8");
    sqlx::raw_sql(sqlx::AssertSqlSafe(second)).execute(&mut service).await.unwrap_err();
}

#[tokio::test]
async fn number_of_rules_is_bounded() {
    let db = TestDb::migrated().await;
    db.as_owner(
        "insert into control_plane.audit_log_retention_rules
         select gen_random_uuid(), 't' || n, null, 30, now(), 'system', now(), 'system'
           from generate_series(1, 1000) n",
    )
    .await;
    let retention = PgRetention::new(db.pool(db.service()).await);
    let new = NewRetentionRule { tenant_id: None, action: None, keep_days: None };
    let error = retention.set(&new, &Actor::System, &RequestContext::default()).await;
    assert!(matches!(error, Err(StoreError::TooManyRules { max: 1000 })), "{error:?}");
    assert!(plan(&db).await.tables.is_empty());
}
