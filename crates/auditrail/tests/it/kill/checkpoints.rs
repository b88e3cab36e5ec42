//! The transparency log over kills: every checkpoint that was signed stays valid, and each record has one entry.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use auditrail_evidence::RecordProof;
use auditrail_testkit::{Transport, eventually};
use sqlx::{Connection, PgConnection};
use tlog::{Policy, Resource, TilePath, bundle};
use uuid::Uuid;

use crate::kill::kept::{Kept, Watch};
use crate::kill::load::{Moment, mixed};
use crate::kill::sql_writers::{SqlWriters, Transactions};
use crate::kill::tally::Tally;
use crate::kill::victim::{Stage, Victim};
use crate::kill::{round, seeds};
use crate::signing::{FILE, assert_no_alarm, checkpoint, get, proved, verify_log};

/// Kills are spread over more than the time between two checkpoints.
const THEN_MAX_MICROS: u64 = 1_500_000;
/// Proofs of each round that are verified.
const PROOFS: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_signed_checkpoint_survives_kills() {
    let transport = if seeds().start.is_multiple_of(2) { Transport::Tcp } else { Transport::Unix };
    let mut stage = Stage::start(Victim::Both, transport).await;
    let policy = Policy::parse(stage.sandbox().text("policy").as_bytes()).unwrap();
    let (mut kept, mut all, mut sql) = (Kept::default(), Tally::default(), [0, 0]);
    for seed in seeds() {
        let victims = [Victim::Both, Victim::Service, Victim::Database];
        stage.aim_at(victims[usize::try_from(mixed(seed, 6) % 3).unwrap()]);
        let before = kept.len();
        let watch = Watch::start(stage.address(), stage.key());
        let writers = SqlWriters::start(&stage.server().service(), seed);
        let then = Duration::from_micros(mixed(seed, 5) % THEN_MAX_MICROS);
        all += round(&mut stage, seed, Moment { then, ..Moment::of(seed) }).await;
        let transactions = writers.stop().await;
        let from = watch.stop().await;
        // What is in the memory was signed, whether it was handed out or not.
        let memory = stage.sandbox().text(&format!("{FILE}.signed"));
        from.iter().chain([&memory]).for_each(|note| kept.add(&policy, note));
        let size = signed(&stage).await;
        kept.add(&policy, &checkpoint(stage.service(), stage.key()).await.unwrap());
        assert_eq!(kept.last().size(), size, "seed {seed}: a larger state was signed, and lost");
        kept.assert_consistent(&stage, 0).await;
        assert_no_alarm(stage.service()).await;
        assert_transactions(&stage, &transactions).await;
        assert_proofs(&stage, &policy, seed).await;
        sql[0] += transactions.committed.len();
        sql[1] += transactions.rolled_back.len();
        eprintln!("seed {seed}: size {size}, {} checkpoints", kept.len() - before);
    }
    assert_entries(&stage).await;
    verify_log(stage.sandbox(), stage.service(), &[]).code(0);
    assert!(kept.len() as u64 > seeds().end - seeds().start, "hardly anything was signed");
    eprintln!(
        "{} rounds over {transport}: {all}; {} SQL transactions committed, {} rolled back; {} checkpoints, all \
         consistent with the last one, of size {}",
        seeds().end - seeds().start,
        sql[0],
        sql[1],
        kept.len(),
        kept.last().size()
    );
}

async fn connect(stage: &Stage) -> PgConnection {
    PgConnection::connect_with(&stage.server().admin()).await.unwrap()
}

async fn ids(stage: &Stage) -> BTreeSet<Uuid> {
    let ids = sqlx::query_scalar("select id from control_plane.audit_logs");
    ids.fetch_all(&mut connect(stage).await).await.unwrap().into_iter().collect()
}

/// Waits until every record is in the newest checkpoint, and returns its size.
async fn signed(stage: &Stage) -> u64 {
    let count = sqlx::query_scalar("select count(*) from control_plane.audit_logs");
    let count: i64 = count.fetch_one(&mut connect(stage).await).await.unwrap();
    let size = u64::try_from(count).unwrap();
    let (service, key) = (stage.service(), stage.key());
    eventually("every record is signed", async || {
        let note = checkpoint(service, key).await;
        note.is_some_and(|note| crate::signing::checkpoint_of(&note).size() >= size)
    })
    .await;
    size
}

/// Committed transactions are stored and no other one is.
async fn assert_transactions(stage: &Stage, transactions: &Transactions) {
    let stored = sqlx::query_scalar(
        "select distinct target_id from control_plane.audit_logs where target_id like 'sql-%'",
    );
    let stored: Vec<String> = stored.fetch_all(&mut connect(stage).await).await.unwrap();
    let stored: BTreeSet<String> = stored.into_iter().collect();
    let lost = transactions.committed.iter().find(|target| !stored.contains(*target));
    assert_eq!(lost, None, "committed and missing");
    let undead = transactions.rolled_back.iter().find(|target| stored.contains(*target));
    assert_eq!(undead, None, "rolled back and stored");
}

/// Proofs of some records of all rounds verify.
async fn assert_proofs(stage: &Stage, policy: &Policy, seed: u64) {
    let ids: Vec<Uuid> = ids(stage).await.into_iter().collect();
    for number in 0..PROOFS {
        let place = mixed(seed, 100 + number) % ids.len() as u64;
        let id = ids[usize::try_from(place).unwrap()];
        let proof = proved(stage.service(), stage.key(), &id.to_string()).await;
        let verified = RecordProof::parse(proof.as_bytes()).unwrap().verify(policy).unwrap();
        assert_eq!(verified.id, id);
    }
}

/// Each record has exactly one entry.
async fn assert_entries(stage: &Stage) {
    let size = signed(stage).await;
    let mut entries: BTreeMap<Uuid, u64> = BTreeMap::new();
    for index in 0..size.div_ceil(256) {
        let path = TilePath::in_tree(Resource::Entries, index, size).unwrap();
        let answer = get(stage.service(), stage.key(), &format!("/v1/log/{path}")).await;
        for entry in bundle::entries(&answer.body) {
            let id = &entry.unwrap()["auditrail/entry/v1\n".len()..][..16];
            *entries.entry(Uuid::from_slice(id).unwrap()).or_default() += 1;
        }
    }
    let several: Vec<_> = entries.iter().filter(|(_, count)| **count > 1).collect();
    assert!(several.is_empty(), "several entries: {several:?}");
    assert!(entries.into_keys().collect::<BTreeSet<_>>() == ids(stage).await);
}
