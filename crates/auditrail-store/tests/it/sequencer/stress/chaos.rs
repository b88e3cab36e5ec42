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

/// Creates a partition, lets the writers use it, and drops it, again and again.
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
        let (from, to) = bounds(partition);
        let create = format!(
            "create table control_plane.audit_logs_{partition}
                 partition of control_plane.audit_logs for values from ('{from}') to ('{to}')"
        );
        if !run_between_transactions(&mut db, &create, until).await {
            return;
        }
        tally.partition.store(partition, Relaxed);
        sleep(Duration::from_millis(300)).await;
        let drop = format!("drop table control_plane.audit_logs_{partition}");
        if !run_between_transactions(&mut db, &drop, until).await {
            return;
        }
        tally.partitions_dropped.fetch_add(1, Relaxed);
    }
}

/// Retries a statement that needs the whole table, with a short wait, so that no writer waits for it for long.
async fn run_between_transactions(db: &mut PgConnection, statement: &str, until: Instant) -> bool {
    while Instant::now() < until {
        let block = format!("begin; set local lock_timeout = '20ms'; {statement}; commit");
        match sqlx::raw_sql(AssertSqlSafe(block)).execute(&mut *db).await {
            Ok(_) => return true,
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03") => {
                sqlx::raw_sql("rollback").execute(&mut *db).await.unwrap();
                sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{statement}: {error}"),
        }
    }
    false
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
