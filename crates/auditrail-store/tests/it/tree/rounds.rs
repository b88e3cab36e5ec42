//! Steps of the sealer.

use std::time::Duration;

use auditrail_store::sequencer::Sequencer;
use auditrail_store::tree::{STEP_ENTRIES, SealStep, Sealer};
use auditrail_testkit::TestDb;

use super::support::{assert_sealed, drain, write};
use crate::support::{number, sql};

/// Gives records their seq, without sealing them.
async fn sequence(db: &TestDb) {
    let mut sequencer = Sequencer::new(&db.service());
    while sequencer.look().await.unwrap().has_more {
        sequencer.step().await.unwrap();
    }
    sequencer.close().await;
}

#[tokio::test]
async fn every_record_gets_the_entry_of_its_fields() {
    let db = TestDb::migrated().await;
    let mut sealer = Sealer::new(&db.service());
    assert_eq!(sealer.step().await.unwrap(), SealStep::Waiting);
    write(&db, 1, 5_001).await;
    sequence(&db).await;
    assert_eq!(sealer.look().await.unwrap().unsealed, 5_000);
    let first = sealer.step().await.unwrap();
    let size = i64::try_from(STEP_ENTRIES).unwrap();
    assert_eq!(first, SealStep::Advanced { entries: STEP_ENTRIES as u64, missing: 0, size });
    assert_eq!(drain(&mut sealer).await, (904, 0));
    assert_eq!(sealer.look().await.unwrap().unsealed, 0);
    let mut owner = db.connect(db.owner()).await;
    assert_sealed(&mut owner).await;
    let is_done = "select (t.done::text = s.done::text)::int::bigint
                     from control_plane.audit_log_tree t, control_plane.audit_log_sequencer s";
    assert_eq!(number(&mut owner, is_done).await, 1);
}

#[tokio::test]
async fn tree_grows_by_any_number_of_records_and_by_several_processes() {
    let db = TestDb::migrated().await;
    let mut one = Sealer::new(&db.service());
    let mut from = 1;
    for records in [1, 1, 254, 1, 255, 256, 257, 3_000, 1, 4_095] {
        write(&db, from, from + records).await;
        from += records;
        sequence(&db).await;
        // One that knows the edge, and one that has to restore it.
        let mut other = Sealer::new(&db.service());
        let sealer = if records % 2 == 0 { &mut one } else { &mut other };
        assert_eq!(drain(sealer).await, (u64::from(records), 0));
        other.close().await;
    }
    let mut owner = db.connect(db.owner()).await;
    assert_sealed(&mut owner).await;
}

#[tokio::test]
async fn one_sealer_does_a_step() {
    let db = TestDb::migrated().await;
    write(&db, 1, 10).await;
    sequence(&db).await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, "begin; select from control_plane.audit_log_tree for update").await;
    let mut sealer = Sealer::new(&db.service());
    assert_eq!(sealer.step().await.unwrap(), SealStep::Locked);
    sql(&mut owner, "commit").await;
    assert_eq!(drain(&mut sealer).await, (9, 0));
}

#[tokio::test]
async fn dropped_step_is_repeated() {
    let db = TestDb::migrated().await;
    let mut sealer = Sealer::new(&db.service());
    for round in 0..20 {
        write(&db, 1 + round * 100, 101 + round * 100).await;
        sequence(&db).await;
        let pause = Duration::from_micros(u64::from(round) * 400);
        drop(tokio::time::timeout(pause, sealer.step()).await);
    }
    // The server may not have noticed yet that an abandoned step is gone.
    auditrail_testkit::eventually("every record is sealed", async || {
        sealer.step().await.unwrap() == SealStep::Waiting
    })
    .await;
    let mut owner = db.connect(db.owner()).await;
    assert_eq!(number(&mut owner, "select size from control_plane.audit_log_tree").await, 2_000);
    assert_sealed(&mut owner).await;
}

#[tokio::test]
async fn record_that_left_before_it_was_sealed_has_an_entry_without_content() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    write(&db, 1, 21).await;
    sequence(&db).await;
    sql(
        &mut owner,
        "begin; set local auditrail.maintenance = 'retention';
         delete from control_plane.audit_logs where id > lpad('f', 32, '0')::uuid; commit",
    )
    .await;
    let mut sealer = Sealer::new(&db.service());
    assert_eq!(drain(&mut sealer).await, (20, 5));
    let absent = "select count(*) from control_plane.audit_log_bundles b, generate_series(0, 19) n
                   where substr(b.entries, 56 * n + 17, 40)
                         = decode(rpad('8', 80, '0'), 'hex')";
    assert_eq!(number(&mut owner, absent).await, 5);
    // Those that a retention of before migration 026 may have removed are not counted.
    write(&db, 21, 31).await;
    sequence(&db).await;
    sql(
        &mut owner,
        "begin; set local auditrail.maintenance = 'retention';
         delete from control_plane.audit_logs; commit;
         update control_plane.audit_log_tree set followed_from = 30",
    )
    .await;
    assert_eq!(drain(&mut sealer).await, (10, 0));
}

#[tokio::test]
async fn step_commits_durably_whatever_the_role_has_set() {
    let db = TestDb::migrated().await;
    write(&db, 1, 10).await;
    sequence(&db).await;
    db.as_owner(
        "create function public.note_commit() returns trigger language plpgsql as $$
         begin
             perform setval('public.durable', case current_setting('synchronous_commit') when 'on' then 2 else 1 end);
             return new;
         end $$;
         create sequence public.durable;
         grant usage, update on sequence public.durable to public;
         create trigger note before update on control_plane.audit_log_tree
             for each row execute function public.note_commit()",
    )
    .await;
    let options = db.service().options([("synchronous_commit", "off")]);
    let mut sealer = Sealer::new(&options);
    assert_eq!(drain(&mut sealer).await, (9, 0));
    let mut owner = db.connect(db.owner()).await;
    assert_eq!(number(&mut owner, "select last_value from public.durable").await, 2);
}
