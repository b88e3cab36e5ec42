//! The address of the database leads to a standby, which is promoted later.

use auditrail_testkit::{OwnServer, Transport, over_each_transport, until};
use sqlx::PgConnection;

use super::Tried;
use super::proxy::Proxy;
use crate::running::key_in;

async fn text(db: &mut PgConnection, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(db).await.unwrap()
}

over_each_transport!(a_failover_is_503_for_writes_until_the_standby_is_promoted);

async fn a_failover_is_503_for_writes_until_the_standby_is_promoted(transport: Transport) {
    let primary = OwnServer::start_over(transport).await;
    let key = key_in(primary.service()).await;
    let proxy = Proxy::start(&primary.service()).await;
    let mut tried = Tried::start(&proxy.url(&primary.service()), key).await;
    let standby = primary.standby();
    let mut on_primary = primary.connect().await;
    let mut on_standby = standby.connect().await;
    assert_eq!(tried.write().await, [None, None]);
    let written = text(&mut on_primary, "select pg_current_wal_lsn()::text").await;
    until(&mut on_standby, &format!("select pg_last_wal_replay_lsn() >= '{written}'")).await;

    proxy.lead_to(&standby.service());
    tried.refuses_writes("read_only").await;
    assert_eq!((tried.read().await, tried.export().await), (None, Some("read_only".to_owned())));
    sqlx::raw_sql("select pg_promote()").execute(&mut on_standby).await.unwrap();
    tried.recovers().await;
}
