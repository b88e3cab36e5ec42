//! Several sequencers.

use auditrail_store::sequencer::{Advance, Sequencer, Step};
use auditrail_testkit::TestDb;

use super::support::{assert_complete, drain, write};
use crate::support::sql;

#[tokio::test]
async fn second_sequencer_does_not_wait_for_the_lock() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut sequencer = Sequencer::new(&db.service());
    drain(&mut sequencer).await;
    write(&mut owner, 0..1).await;
    let mut first = db.connect(db.service()).await;
    sql(&mut first, "begin; select * from control_plane.audit_log_sequencer for update").await;
    assert_eq!(sequencer.step().await.unwrap(), Step::Locked);
    sql(&mut first, "rollback").await;
    let step = sequencer.step().await.unwrap();
    assert!(matches!(step, Step::Advanced(Advance { sequenced: 1, next_seq: 1, .. })), "{step:?}");
}

#[tokio::test]
async fn sequencers_take_turns_without_gaps() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let mut sequencers: Vec<_> = (0..3).map(|_| Sequencer::new(&db.service())).collect();
    drain(&mut sequencers[0]).await;
    for n in 0..30 {
        write(&mut owner, n * 300..n * 300 + 300).await;
        let steps = sequencers.iter_mut().map(Sequencer::step);
        let steps = futures_util::future::join_all(steps).await;
        let sequenced: usize = steps
            .into_iter()
            .map(|step| match step.unwrap() {
                Step::Advanced(advance) => advance.sequenced,
                Step::Locked => 0,
            })
            .sum();
        assert_eq!(sequenced, 300);
    }
    assert_eq!(assert_complete(&mut owner).await, 9_000);
}
