//! Slow reads of one tenant, by any number of keys, delay neither another tenant nor the management of keys.

use std::time::Duration;

use auditrail_core::Scope;
use auditrail_testkit::http::Call;
use auditrail_testkit::{TestDb, until};
use futures_util::future::join_all;
use tokio::task::JoinSet;

use super::caller::{abandon, closing, get, key};
use crate::sandbox::Sandbox;
use crate::service::Service;

/// Each of these records makes a search call the function for open intents.
const RECORDS: &str = "insert into control_plane.audit_logs
        (actor_id, actor_type, action, target_type, target_id, tenant_id, outcome)
    select 'u1', 'user', 'a.b', 't', 't', 'a', 'unknown' from generate_series(1, 100)";
/// Makes the function slow, in place of a large table.
const SLOW: &str = "create or replace function
        control_plane.audit_intent_is_open(intent uuid, tenant text) returns boolean
    language plpgsql volatile set search_path = pg_catalog, pg_temp
    as 'begin perform pg_sleep(1); return true; end'";
const RUNNING: &str = "select count(*) >= 2 from pg_stat_activity
    where datname = current_database() and wait_event = 'PgSleep'";

#[tokio::test]
async fn slow_reads_of_a_tenant_leave_others_quick() {
    let db = TestDb::migrated().await;
    db.as_owner(RECORDS).await;
    db.as_owner(SLOW).await;
    let attackers =
        [key(&db, &[Scope::Read], Some("a")).await, key(&db, &[Scope::Read], Some("a")).await];
    let honest = key(&db, &[Scope::Read, Scope::Write, Scope::Admin], Some("b")).await;
    let admin = key(&db, &[Scope::Admin], None).await;
    let sandbox = Sandbox::with(&db.url(&db.service()))
        .set("AUDITRAIL_DATABASE_CONNECTIONS", "4")
        .set("AUDITRAIL_REQUEST_TIMEOUT", "20s");
    let service = Service::start(&sandbox, &[]);
    let paths = ["/v1/audit-logs?limit=90", "/v1/audit-logs?count=exact", "/v1/audit-logs/stats"];
    let mut slow = JoinSet::new();
    for n in 0..24 {
        let (to, request) =
            (service.address, closing(&get(paths[n % 3], attackers[n % 2].secret.expose())));
        slow.spawn(async move {
            loop {
                abandon(to, request.clone(), Duration::from_secs(60)).await;
            }
        });
    }
    until(&mut db.connect(db.admin()).await, RUNNING).await;

    let token = honest.secret.expose();
    let honest_paths =
        ["/v1/audit-logs?limit=1", "/v1/audit-logs?count=exact", "/v1/audit-logs/stats"];
    let calls = honest_paths.map(|path| service.get(path).key(token).send());
    for answer in join_all(calls).await {
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    }
    // The tenant's own requests learn that it is their number, and not the database.
    let own = key(&db, &[Scope::Read], Some("a")).await;
    let own = service.get("/v1/audit-logs?limit=1").key(own.secret.expose()).send().await;
    assert_eq!(own.problem(), (503, "overloaded".to_owned()));
    for attacker in &attackers {
        let path = format!("/v1/keys/{}", attacker.key.id);
        let revoke = Call::new(service.address, "DELETE", &path).key(admin.secret.expose());
        assert_eq!(revoke.send().await.status.as_u16(), 200);
    }
    slow.abort_all();
}

#[tokio::test]
async fn slow_searches_of_many_tenants_leave_others_served() {
    let db = TestDb::migrated().await;
    db.as_owner(RECORDS).await;
    db.as_owner("insert into control_plane.audit_logs
        (actor_id, actor_type, action, target_type, target_id, tenant_id, outcome)
        select 'u1', 'user', 'a.b', 't', 't', 'a' || n % 5, 'unknown' from generate_series(1, 500) n").await;
    db.as_owner(SLOW).await;
    let honest = key(&db, &[Scope::Read], Some("b")).await;
    let sandbox = Sandbox::with(&db.url(&db.service())).set("AUDITRAIL_REQUEST_TIMEOUT", "30s");
    let service = Service::start(&sandbox, &[]);
    let mut slow = JoinSet::new();
    for tenant in 0..5 {
        let key = key(&db, &[Scope::Read], Some(&format!("a{tenant}"))).await;
        for _ in 0..6 {
            let (to, request) =
                (service.address, closing(&get("/v1/audit-logs?limit=90", key.secret.expose())));
            slow.spawn(async move {
                loop {
                    abandon(to, request.clone(), Duration::from_secs(60)).await;
                }
            });
        }
    }
    until(&mut db.connect(db.admin()).await, RUNNING).await;
    for _ in 0..5 {
        let answer = service.get("/v1/audit-logs?limit=1").key(honest.secret.expose()).send().await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    }
    slow.abort_all();
}
