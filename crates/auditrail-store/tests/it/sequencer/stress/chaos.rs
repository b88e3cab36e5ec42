//! What happens beside the writers.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use auditrail_store::sequencer::Sequencer;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::writers::{Tally, bounds};
use super::{SERVERS, serve};

/// Attaches a partition, lets the writers use it, detaches and drops it, again and again. Neither waits for a lock that
/// would hold up the writers.
pub(super) async fn replace_partitions(
    options: PgConnectOptions,
    tally: Arc<Tally>,
    until: Instant,
) {
    let mut db = PgConnection::connect_with(&options).await.unwrap();
    for partition in 1.. {
        if Instant::now() >= until {
            return;
        }
        let name = format!("control_plane.audit_logs_{partition}");
        let (from, to) = bounds(partition);
        for statement in [
            format!("create table {name} (like control_plane.audit_logs including all)"),
            format!(
                "alter table control_plane.audit_logs attach partition {name}
                     for values from ('{from}') to ('{to}')"
            ),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut db).await.unwrap();
        }
        tally.partition.store(partition, Relaxed);
        sleep(Duration::from_millis(300)).await;
        for statement in [
            format!("alter table control_plane.audit_logs detach partition {name} concurrently"),
            format!("drop table {name}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut db).await.unwrap();
        }
        tally.partitions_dropped.fetch_add(1, Relaxed);
    }
}

/// Runs the sequencers of two servers, and kills one of them after each pause: the process or its session. Returns
/// the number of kills.
pub(super) async fn kill_sequencers(
    admin: PgConnectOptions,
    service: PgConnectOptions,
    pause: Duration,
    until: Instant,
) -> u32 {
    let mut admin = PgConnection::connect_with(&admin).await.unwrap();
    let start = || tokio::spawn(serve(Sequencer::new(&service)));
    let mut servers: Vec<JoinHandle<()>> = (0..SERVERS).map(|_| start()).collect();
    let mut kills = 0;
    while Instant::now() < until {
        sleep(pause).await;
        let victim = kills as usize % SERVERS;
        if kills % 3 == 0 {
            let terminate = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                              where application_name = 'auditrail sequencer'";
            sqlx::raw_sql(terminate).execute(&mut admin).await.unwrap();
        } else {
            servers[victim].abort();
            servers[victim] = start();
        }
        kills += 1;
    }
    servers.iter().for_each(JoinHandle::abort);
    kills
}
