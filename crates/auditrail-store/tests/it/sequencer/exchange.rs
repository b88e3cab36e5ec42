//! Partitions are exchanged while a step waits.

use auditrail_store::sequencer::{Sequencer, Step};
use auditrail_testkit::TestDb;

use super::support::{assert_complete, drain, write};
use crate::support::{number, sql};

/// As a merge or a close does: the records get another table, with the transaction ids that they have.
const EXCHANGE: &str = "
    alter table control_plane.audit_logs detach partition control_plane.audit_logs_rest;
    create table control_plane.exchanged
        (like control_plane.audit_logs including all excluding indexes);
    insert into control_plane.exchanged select * from control_plane.audit_logs_rest;
    alter table control_plane.audit_logs attach partition control_plane.exchanged default;
    commit";

#[tokio::test]
async fn step_that_waits_for_an_exchange_sequences_the_exchanged_records() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut admin = db.connect(db.admin()).await;
    let mut sequencer = Sequencer::new(&db.service());
    drain(&mut sequencer).await;
    write(&mut owner, 0..10).await;
    sql(&mut owner, "begin; lock table control_plane.audit_logs in access exclusive mode").await;
    let exchange = async {
        let waiting = "select count(*) from pg_stat_activity
                        where datname = current_database() and wait_event_type = 'Lock'
                          and application_name = 'auditrail sequencer'";
        while number(&mut admin, waiting).await == 0 {}
        sql(&mut owner, EXCHANGE).await;
    };
    let (step, ()) = tokio::join!(sequencer.step(), exchange);
    let Step::Advanced(advance) = step.unwrap() else { panic!("another session holds the lock") };
    assert_eq!(advance.sequenced, 10);
    assert_eq!(assert_complete(&mut admin).await, 10);
}
