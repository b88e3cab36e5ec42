//! The database's address is switched to a standby, which is promoted later.

use auditrail_testkit::{OwnServer, Transport, over_each_transport, until};
use sqlx::PgConnection;

use super::Probe;
use super::proxy::Proxy;
use crate::service::key_in;

async fn text(db: &mut PgConnection, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(db).await.unwrap()
}

over_each_transport!(failover_returns_503_until_promotion);

async fn failover_returns_503_until_promotion(transport: Transport) {
    let primary = OwnServer::start_over(transport).await;
    let key = key_in(primary.service()).await;
    let proxy = Proxy::start(&primary.service()).await;
    let mut probe = Probe::start(&proxy.url(&primary.service()), key).await;
    let standby = primary.standby();
    let mut on_primary = primary.connect().await;
    let mut on_standby = standby.connect().await;
    assert_eq!(probe.write().await, [None, None]);
    let written = text(&mut on_primary, "select pg_current_wal_lsn()::text").await;
    until(&mut on_standby, &format!("select pg_last_wal_replay_lsn() >= '{written}'")).await;

    proxy.route_to(&standby.service());
    probe.writes_fail_with("read_only").await;
    assert_eq!((probe.read().await, probe.export().await), (None, Some("read_only".to_owned())));
    sqlx::raw_sql("select pg_promote()").execute(&mut on_standby).await.unwrap();
    probe.recovers().await;
}
