//! What a tenant tries to learn of another, or to take from it: estimates and statistics (`t_est.py`), ids of
//! an `Idempotency-Key`, cursors and filters (`t3.py`).

use auditrail_core::{RecordId, Scope};
use auditrail_testkit::TestDb;
use auditrail_testkit::http::Answer;
use serde_json::{Value, json};

use super::caller::key;
use crate::sandbox::Sandbox;
use crate::service::Service;

const PATH: &str = "/v1/audit-logs";

/// 30,000 records of tenant b by one actor, and ten of tenant a.
const RECORDS: &str = "insert into control_plane.audit_logs
        (actor_id, actor_type, action, target_type, target_id, tenant_id, metadata)
    select case when n > 10 then 'bob@b.example' else 'ana' end, 'user',
           case when n > 10 then 'acquisition.planned' else 'a.b' end, 't', 'x' || n,
           case when n > 10 then 'b' else 'a' end, '{\"n\": 5}'
      from generate_series(1, 30010) n";

const ALL: [Scope; 2] = [Scope::Read, Scope::Write];

async fn start(db: &TestDb) -> Service {
    Service::start(&Sandbox::with(&db.url(&db.service())), &[])
}

async fn token(db: &TestDb, tenant: &str) -> String {
    key(db, &ALL, Some(tenant)).await.secret.expose().to_owned()
}

#[tokio::test]
async fn totals_and_statistics_show_no_other_tenant() {
    let db = TestDb::migrated().await;
    db.as_owner(RECORDS).await;
    db.as_owner("analyze control_plane.audit_logs").await;
    let service = start(&db).await;
    let a = token(&db, "a").await;
    let get = async |path: String| service.get(&path).key(&a).send().await.json();
    for (filter, total) in [
        ("actor_id=bob%40b.example", 0),
        ("actor_id=none%40b.example", 0),
        ("action=acquisition.planned", 0),
        ("action=acquisition.*", 0),
        ("target_id=x5000", 0),
        ("actor_type=user", 10),
        ("metadata.n=5", 10),
        ("actor_id=ana", 10),
    ] {
        let estimated = get(format!("{PATH}?count=estimated&limit=1&{filter}")).await;
        let pagination = &estimated["pagination"];
        assert_eq!(pagination["total"], total, "{filter}");
        assert_eq!(pagination["total_relation"], "exact", "{filter}");
        let stats = get(format!("{PATH}/stats?{filter}")).await;
        assert_eq!(
            (&stats["total"], &stats["truncated"]),
            (&json!(total), &json!(false)),
            "{filter}"
        );
        assert_eq!(stats.get("since").unwrap_or(&Value::Null), &Value::Null, "{filter}");
    }
    let b = token(&db, "b").await;
    let estimated = service.get(&format!("{PATH}?count=estimated")).key(&b).send().await.json();
    let (total, relation) =
        (&estimated["pagination"]["total"], &estimated["pagination"]["total_relation"]);
    assert_eq!((total, relation), (&json!(10_000), &json!("at_least")));
}

fn record(action: &str) -> Value {
    json!({"actor_type": "user", "actor_id": "u1", "action": action, "target_type": "t",
           "target_id": "t"})
}

/// The ids that a caller can derive who knows everything but the API key.
fn guesses(tenant: &str, key_id: &str, hash: &[u8], idempotency_key: &str) -> Vec<RecordId> {
    let index = 0_u64.to_be_bytes();
    let label: &[u8] = b"idempotency key";
    let secret: &[u8] = b"idempotency key of a secret";
    let (tenant, key) = (tenant.as_bytes(), idempotency_key.as_bytes());
    vec![
        RecordId::derived(None, &[label, tenant, key_id.as_bytes(), key, &index]),
        RecordId::derived(None, &[secret, key_id.as_bytes(), tenant, key, &index]),
        RecordId::derived(None, &[secret, hash, tenant, key, &index]),
    ]
}

#[tokio::test]
async fn ids_of_idempotency_keys_are_not_taken_or_guessed() {
    let db = TestDb::migrated().await;
    let service = start(&db).await;
    let url = db.url(&db.service().application_name("other"));
    let other = Service::start(&Sandbox::with(&url), &[]);
    let a = token(&db, "a").await;
    let b = key(&db, &ALL, Some("b")).await;
    let hash = b.secret.hash();
    let write = async |key: &str, body: &Value, idempotency_key: Option<&str>| -> Answer {
        let call = service.post(PATH).key(key).json(body);
        let call = match idempotency_key {
            Some(value) => call.header("idempotency-key", value),
            None => call,
        };
        call.send().await
    };
    // Taken before tenant b writes, and tried after it.
    for (name, is_before) in [("invoice-4711", true), ("invoice-4712", false)] {
        let mut written = Value::Null;
        if !is_before {
            written = write(b.secret.expose(), &record("invoice.paid"), Some(name)).await.json();
        }
        for id in guesses("b", &b.key.id.to_string(), hash.as_bytes(), name) {
            let mut taken = record("a.b");
            taken["id"] = json!(id);
            assert_eq!(write(&a, &taken, None).await.status.as_u16(), 201);
            assert_ne!(written["id"], json!(id));
        }
        for status in [if is_before { 201 } else { 200 }, 200] {
            let answer = write(b.secret.expose(), &record("invoice.paid"), Some(name)).await;
            assert_eq!(answer.status.as_u16(), status, "{answer:?}");
        }
        // Another server, reached by another URL, derives the same id.
        let call = other.post(PATH).key(b.secret.expose()).json(&record("invoice.paid"));
        assert_eq!(call.header("idempotency-key", name).send().await.status.as_u16(), 200);
    }
}

#[tokio::test]
async fn cursors_are_bound_to_tenant_and_filters() {
    let db = TestDb::migrated().await;
    db.as_owner(RECORDS).await;
    let service = start(&db).await;
    let (a, b) = (token(&db, "a").await, token(&db, "b").await);
    let page = service.get(&format!("{PATH}?limit=2")).key(&a).send().await.json();
    let cursor = page["pagination"]["next_cursor"].as_str().unwrap().to_owned();
    let ask = async |key: &str, query: String| {
        service.get(&format!("{PATH}?{query}")).key(key).send().await
    };
    assert_eq!(ask(&a, format!("limit=2&cursor={cursor}")).await.status.as_u16(), 200);
    let mut wrong = vec![
        (&b, format!("limit=2&cursor={cursor}")),
        (&a, format!("limit=2&actor_type=user&cursor={cursor}")),
        (&a, format!("limit=2&cursor={cursor}=")),
        (&a, format!("limit=2&cursor={}", "A".repeat(50_000))),
    ];
    for at in [0, 5, 20, cursor.len() - 1] {
        let other = if cursor.as_bytes()[at] == b'A' { "B" } else { "A" };
        wrong.push((&a, format!("limit=2&cursor={}{other}{}", &cursor[..at], &cursor[at + 1..])));
    }
    for (key, query) in wrong {
        let answer = ask(key, query.clone()).await;
        assert_eq!(
            answer.errors(),
            [("cursor".to_owned(), "invalid_cursor".to_owned())],
            "{query}"
        );
    }
}

/// Filters that try to leave their place in the statement, or are at a limit.
const FILTERS: [&str; 44] = [
    "metadata.n'%20or%201=1--=5",
    "metadata.=5",
    "metadata.a.b=5",
    "metadata.n=5",
    "metadata.n=5.0",
    "metadata.n=1e0",
    "metadata.__proto__=5",
    "metadata.%00=1",
    "metadata.n=null",
    "metadata.pad=%7B",
    "action=project.%25*",
    "action=project._*",
    "action=_roject.*",
    "action=%25.*",
    "action=*",
    "action=.*",
    "action=project*",
    "action=project.*.*",
    "action=project.created%20or",
    "actor_id=%27%3B--",
    "ip_address=0.0.0.0/0",
    "ip_address=::/0",
    "ip_address=1.2.3.4/33",
    "ip_address=::ffff:1.2.3.4",
    "offset=100001",
    "offset=-1",
    "offset=100000",
    "start_date=9999-12-31",
    "start_date=0000-01-01",
    "start_date=2026-13-01",
    "end_date=-infinity",
    "start_date=now",
    "count=exact&count=exact",
    "count=both",
    "tenant_id[]=b",
    "xact_id=1",
    "id=1",
    "order=asc",
    "metadata.n[]=1",
    "tenant_id=b",
    "tenant_id=a&tenant_id=b",
    "tenant_id=",
    "TENANT_ID=b",
    "limit=1%00",
];

#[tokio::test]
async fn no_filter_shows_another_tenant_or_fails() {
    let db = TestDb::migrated().await;
    db.as_owner(RECORDS).await;
    let service = start(&db).await;
    let a = token(&db, "a").await;
    let eleven: Vec<_> = (0..11).map(|n| format!("metadata.k{n}={}", "v".repeat(100))).collect();
    let unknown = "a&".repeat(5_000);
    let long = format!("metadata.n={}", "9".repeat(1_001));
    let more = [eleven.join("&"), unknown, long];
    for filter in FILTERS.into_iter().chain(more.iter().map(String::as_str)) {
        let answer = service.get(&format!("{PATH}?{filter}")).key(&a).send().await;
        let status = answer.status.as_u16();
        assert!([200, 400, 403].contains(&status), "{filter}: {answer:?}");
        let rows = answer.json()["data"].as_array().cloned().unwrap_or_default();
        assert!(rows.iter().all(|row| row["tenant_id"] == "a"), "{filter}: {rows:?}");
    }
}
