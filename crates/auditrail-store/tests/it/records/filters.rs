//! The matches of each filter, compared with a model in Rust.

use auditrail_core::{
    Actor, ActorType, AuditLogService, Filters, MetadataFilter, OnInvalid, Record, RecordId,
    RequestContext, StoredAddress, Target, TimeRange, Total, TotalRelation,
};
use auditrail_store::PgAuditLog;
use auditrail_testkit::TestDb;

use crate::support::{by, id, input, log, sql, time};

type Rule = fn(&Record) -> bool;

/// Records in which the values of most fields occur in all combinations.
async fn varied(log: &PgAuditLog) -> Vec<Record> {
    let actions = [
        "project.created",
        "project.created.x",
        "projects.created",
        "Project.created",
        "project-x.created",
        "key.rotated",
        "iam.CreateUser",
    ];
    let addresses = ["10.1.2.3", "10.1.9.9", "192.0.2.1", "2001:db8::1", "2001:db9::1"];
    let metadata = [r#"{"plan":"pro","n":5}"#, r#"{"plan":"free","n":"5"}"#, "{}", r#"{"n":null}"#];
    let actors = [Actor::user("u1").unwrap(), Actor::api_key("u1").unwrap(), Actor::system()];
    let mut batch = Vec::new();
    for n in 0..420 {
        let nth = |choices: &[&'static str]| choices[n as usize % choices.len()];
        let mut one = input().with_id(id(n + 1));
        one.actor = actors[n as usize % 3].clone();
        one.action = nth(&actions).parse().unwrap();
        one.target = Target::new(
            nth(&["project", "AWS::S3::Bucket"]).parse().unwrap(),
            nth(&["p1", "p2", "ü"]).parse().unwrap(),
        );
        one.metadata = Some(nth(&metadata).parse().unwrap());
        one.tenant_id = (n % 4 != 0).then(|| format!("t{}", n % 4).parse().unwrap());
        one.context = RequestContext {
            ip_address: (n % 6 != 5).then(|| addresses[n as usize % 6].parse().unwrap()),
            user_agent: None,
            request_id: Some(format!("r{}", n / 2).parse().unwrap()),
        };
        one.created_at = Some(time(n / 3));
        batch.push(one);
    }
    log.create_many(batch.clone(), OnInvalid::Refuse).await.unwrap();
    let mut stored = Vec::new();
    for input in batch {
        stored.push(log.get(input.id.unwrap()).await.unwrap().unwrap());
    }
    stored.sort_by_key(|record| std::cmp::Reverse((record.created_at, record.id)));
    stored
}

fn in_network(record: &Record, network: &str) -> bool {
    let network: ipnet::IpNet = network.parse().unwrap();
    let address = record.ip_address.as_ref().map(StoredAddress::addr);
    address.is_some_and(|address| network.contains(&address))
}

fn metadata_is(record: &Record, key: &str, text: &str) -> bool {
    let metadata = record.metadata.as_ref().unwrap().as_str();
    let object: serde_json::Value = serde_json::from_str(metadata).unwrap();
    match object.get(key) {
        Some(serde_json::Value::String(value)) => value == text,
        Some(serde_json::Value::Null) | None => false,
        Some(other) => text == other.to_string().as_str(),
    }
}

fn with(set: fn(&mut Filters)) -> Filters {
    let mut filters = Filters::default();
    set(&mut filters);
    filters
}

fn texts() -> Vec<(Filters, Rule)> {
    vec![
        (with(|_| ()), |_| true),
        (with(|f| f.actor_id = "u1".parse().ok()), |r| r.actor.id() == "u1"),
        (with(|f| f.actor_type = Some(ActorType::ApiKey)), |r| {
            r.actor.actor_type() == ActorType::ApiKey
        }),
        (with(|f| f.action = "project.created".parse().ok()), |r| {
            r.action.as_str() == "project.created"
        }),
        (with(|f| f.action = "project.*".parse().ok()), |r| {
            r.action.as_str().starts_with("project.")
        }),
        (with(|f| f.action = "nothing.*".parse().ok()), |_| false),
        (with(|f| f.target_type = "AWS::S3::Bucket".parse().ok()), |r| {
            r.target.target_type.as_str() == "AWS::S3::Bucket"
        }),
        (with(|f| f.target_id = "ü".parse().ok()), |r| r.target.target_id.as_str() == "ü"),
        (with(|f| f.tenant_id = "t2".parse().ok()), |r| {
            r.tenant_id.as_ref().is_some_and(|t| t.as_str() == "t2")
        }),
        (with(|f| f.request_id = "r7".parse().ok()), |r| {
            r.request_id.as_ref().is_some_and(|t| t.as_str() == "r7")
        }),
    ]
}

fn values() -> Vec<(Filters, Rule)> {
    let number = MetadataFilter::new("n", "5").unwrap();
    let plan = MetadataFilter::new("plan", "pro").unwrap();
    let five = Filters { metadata: vec![number.clone()], ..Filters::default() };
    let several = Filters {
        metadata: vec![number, plan],
        ..with(|f| (f.actor_id, f.action) = ("u1".parse().ok(), "project.*".parse().ok()))
    };
    let range = Filters {
        created_at: TimeRange::new(Some(time(20)), Some(time(50))).unwrap(),
        ..Filters::default()
    };
    vec![
        (with(|f| f.ip_address = "10.1.0.0/16".parse().ok()), |r| in_network(r, "10.1.0.0/16")),
        (with(|f| f.ip_address = "10.1.2.3/32".parse().ok()), |r| in_network(r, "10.1.2.3/32")),
        (with(|f| f.ip_address = "2001:db8::/32".parse().ok()), |r| in_network(r, "2001:db8::/32")),
        (range, |r| (time(20)..time(50)).contains(&r.created_at)),
        (five, |r| metadata_is(r, "n", "5")),
        (several, |r| {
            let project = r.action.as_str().starts_with("project.");
            r.actor.id() == "u1" && project && metadata_is(r, "plan", "pro")
        }),
    ]
}

#[tokio::test]
async fn every_filter_matches_its_model() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let stored = varied(&log).await;
    db.spread_over_partitions().await;
    for (filters, rule) in texts().into_iter().chain(values()) {
        let mut query = by(filters);
        query.limit = "1000".parse().unwrap();
        query.count = "exact".parse().unwrap();
        let found = log.query(&query).await.unwrap();
        let expected: Vec<_> = stored.iter().filter(|r| rule(r)).cloned().collect();
        assert_eq!(found.records, expected, "{:?}", query.filters);
        assert_eq!(found.total, exactly(expected.len() as u64));
        assert!(!found.has_more);
    }
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "what was not tested is said")]
async fn action_prefix_does_not_depend_on_the_collation() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    let there: bool =
        sqlx::query_scalar("select exists (select from pg_collation where collname = 'en-x-icu')")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    if !there {
        println!("not tested: this PostgreSQL was built without ICU, so it knows no language");
        return;
    }
    let collate = r#"alter table control_plane.audit_logs
                     alter column action type text collate "en-x-icu""#;
    sql(&mut owner, collate).await;
    let stored = varied(&log).await;
    db.spread_over_partitions().await;
    let mut query =
        by(Filters { action: Some("project.*".parse().unwrap()), ..Filters::default() });
    query.limit = "1000".parse().unwrap();
    let found = ids(&log.query(&query).await.unwrap().records);
    let expected = stored.iter().filter(|r| r.action.as_str().starts_with("project."));
    assert_eq!(found, expected.map(|r| r.id).collect::<Vec<_>>());
}

#[tokio::test]
async fn action_prefix_matches_beyond_the_list_limit() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    let many = "insert into control_plane.audit_logs
                    (actor_id, actor_type, action, target_type, target_id)
                select 'u1', 'user', 'a' || lpad(n::text, 5, '0') || '.done', 'project', 'p1'
                  from generate_series(1, 6000) n";
    sql(&mut owner, many).await;
    log.create(input().with_id(id(1))).await.unwrap();
    for (prefix, expected) in [("project.*", 1), ("a00017.*", 1), ("a05999.*", 1), ("x.*", 0)] {
        let filters = Filters { action: Some(prefix.parse().unwrap()), ..Filters::default() };
        let found = log.query(&by(filters)).await.unwrap();
        assert_eq!(found.records.len(), expected, "{prefix}");
    }
}

#[tokio::test]
async fn estimate_is_close_after_analyze() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    varied(&log).await;
    sql(&mut db.connect(db.owner()).await, "analyze control_plane.audit_logs").await;
    let mut query = by(Filters::default());
    query.count = "estimated".parse().unwrap();
    let total = log.query(&query).await.unwrap().total.unwrap();
    assert_eq!(total.relation, TotalRelation::Estimated);
    // The estimate of each partition is one or more.
    assert!((420..=422).contains(&total.count), "{total:?}");
    query.filters.actor_type = Some(ActorType::System);
    let estimate = log.query(&query).await.unwrap().total.unwrap().count;
    assert!((100..=180).contains(&estimate), "{estimate} is far from 140");
}

fn exactly(count: u64) -> Option<Total> {
    Some(Total { count, relation: TotalRelation::Exact })
}

#[tokio::test]
async fn estimate_of_a_tenant_is_exact_up_to_its_bound() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut owner = db.connect(db.owner()).await;
    let rows = "insert into control_plane.audit_logs
                    (actor_id, actor_type, action, target_type, target_id, tenant_id)
                select 'bob', 'user', 'a.b', 'x', 'y', 'b' from generate_series(1, 10001)";
    sql(&mut owner, rows).await;
    sql(&mut owner, "analyze control_plane.audit_logs").await;
    let mut query = by(Filters { actor_id: "bob".parse().ok(), ..Filters::default() });
    query.count = "estimated".parse().unwrap();
    for (tenant, total) in
        [("a", exactly(0)), ("b", Some(Total { count: 10_000, relation: TotalRelation::AtLeast }))]
    {
        query.filters.tenant_id = tenant.parse().ok();
        assert_eq!(log.query(&query).await.unwrap().total, total, "{tenant}");
    }
}

fn ids(records: &[Record]) -> Vec<RecordId> {
    records.iter().map(|record| record.id).collect()
}
