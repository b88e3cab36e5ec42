//! Checkpoints, tiles and proofs.

use auditrail_core::RecordId;
use auditrail_evidence::{Disclosure, FIELDS};
use auditrail_store::StoreError;
use auditrail_store::tree::{ProofOutcome, SignerSession};
use auditrail_testkit::TestDb;
use tlog::{Hash, Resource, SignedNote, TilePath, bundle, consistency, leaf_hash};
use uuid::Uuid;

use super::support::{log, policy, sign, write};
use crate::support::sql;

fn id(number: u32) -> RecordId {
    Uuid::from_u128(number.into()).into()
}

#[tokio::test]
async fn every_record_is_proved_under_the_newest_checkpoint() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    // Rows of one record, of a bundle, and of more than one tile.
    let mut from = 1;
    for records in [1, 255, 3, 700] {
        write(&db, from, from + records).await;
        from += records;
        db.sequence().await;
        let policy = policy(&sign(&db).await);
        for number in (1..from).step_by(if from < 300 { 1 } else { 37 }) {
            let ProofOutcome::Proved(proof) = log.proof(id(number), None, None).await.unwrap()
            else {
                panic!("record {number} is not proved");
            };
            let verified = proof.verify(&policy).unwrap();
            assert_eq!((verified.id, verified.seq), (*id(number).as_uuid(), u64::from(number) - 1));
            assert_eq!(verified.shown.len(), FIELDS.len());
            let metadata = &proof.fields[5];
            let Disclosure::Shown { value: Some(value), .. } = metadata else {
                panic!("{metadata:?}")
            };
            // As PostgreSQL prints it, with digits that no JSON library keeps.
            assert_eq!(*value, format!(r#"{{"n": 9007199254740993.10, "ü": {number}}}"#));
        }
    }
}

#[tokio::test]
async fn record_without_a_checkpoint_has_no_proof_yet() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    assert_eq!(log.proof(id(1), None, None).await.unwrap(), ProofOutcome::NoRecord);
    write(&db, 1, 3).await;
    assert_eq!(log.proof(id(1), None, None).await.unwrap(), ProofOutcome::NotSigned);
    db.sequence().await;
    assert_eq!(log.proof(id(1), None, None).await.unwrap(), ProofOutcome::NotSigned);
    assert_eq!(log.checkpoint(None).await.unwrap(), None);
    sign(&db).await;
    assert!(matches!(log.proof(id(2), None, None).await.unwrap(), ProofOutcome::Proved(_)));
    write(&db, 3, 4).await;
    db.sequence().await;
    assert_eq!(log.proof(id(3), None, None).await.unwrap(), ProofOutcome::NotSigned);
}

#[tokio::test]
async fn changed_record_is_found_when_it_is_to_be_proved() {
    let db = TestDb::migrated().await;
    write(&db, 1, 400).await;
    db.sequence().await;
    sign(&db).await;
    let log = log(&db).await;
    let mut admin = db.connect(db.admin()).await;
    let off = "set session_replication_role = replica;
               alter table control_plane.audit_logs disable trigger user;
               alter table control_plane.audit_log_bundles disable trigger user;
               alter table control_plane.audit_log_record_keys disable trigger user;
               alter table control_plane.audit_log_tiles disable trigger user";
    sql(&mut admin, off).await;
    let edits: [(u32, &str); 8] = [
        (1, "update control_plane.audit_logs set action = 'project.deleted' where id = $id"),
        (2, "update control_plane.audit_logs set created_at = created_at + interval '1 microsecond' where id = $id"),
        (3, "update control_plane.audit_logs set metadata = metadata || '{\"n\": 9007199254740992.10}' where id = $id"),
        (4, "update control_plane.audit_logs set outcome = null where id = $id"),
        (5, "update control_plane.audit_logs set user_agent = coalesce(user_agent, '') || ' ' where id = $id"),
        // A salt.
        (7, "update control_plane.audit_log_record_keys set keys = overlay(keys placing '\\x00' from 32 * 6 + 5) where bundle = 0"),
        // An entry.
        (8, "update control_plane.audit_log_bundles set entries = overlay(entries placing '\\x00' from 56 * 7 + 30) where bundle = 0"),
        // The values of two records, swapped.
        (9, "update control_plane.audit_logs a set actor_id = b.actor_id from control_plane.audit_logs b
              where a.id = $id and b.id = '00000000-0000-0000-0000-00000000000a'"),
    ];
    for (number, edit) in edits {
        assert!(matches!(
            log.proof(id(number), None, None).await.unwrap(),
            ProofOutcome::Proved(_)
        ));
        let edit = edit.replace("$id", &format!("'{}'", id(number)));
        sql(&mut admin, &edit).await;
        let error = log.proof(id(number), None, None).await.unwrap_err();
        let expected = (id(number), u64::from(number) - 1);
        assert!(
            matches!(error, StoreError::AlteredRecord { id, seq } if (id, seq) == expected),
            "{edit}: {error}"
        );
    }
}

#[tokio::test]
async fn tiles_and_bundles_are_those_of_the_tree() {
    let db = TestDb::migrated().await;
    write(&db, 1, 600).await;
    db.sequence().await;
    let log = log(&db).await;
    let tile = async |resource, index, width: u64| {
        let path = TilePath::in_tree(resource, index, index * 256 + width).unwrap();
        log.tile(path, None).await.unwrap()
    };
    let mut roots = Vec::new();
    for (index, width) in [(0, 256), (1, 256), (2, 87)] {
        let entries = tile(Resource::Entries, index, width).await.unwrap();
        let leaves: Vec<u8> =
            bundle::entries(&entries).flat_map(|entry| leaf_hash(entry.unwrap()).0).collect();
        let hashes = tile(Resource::Hashes(0), index, width).await.unwrap();
        assert_eq!(hashes, leaves);
        assert_eq!(u64::try_from(hashes.len() / Hash::BYTES).unwrap(), width);
        roots.push(hashes);
    }
    // A part of a bundle that has grown, and parts that the log does not have.
    let part = tile(Resource::Hashes(0), 0, 7).await.unwrap();
    assert_eq!(part, roots[0][..7 * Hash::BYTES]);
    assert_eq!(tile(Resource::Hashes(0), 2, 88).await, None);
    assert_eq!(tile(Resource::Entries, 3, 1).await, None);
    assert_eq!(tile(Resource::Hashes(0), 1 << 40, 1).await, None);
    let level_1 = TilePath::in_tree(Resource::Hashes(1), 0, 512).unwrap();
    assert_eq!(log.tile(level_1, None).await.unwrap().unwrap().len(), 64);
    let level_1 = TilePath::in_tree(Resource::Hashes(1), 0, 768).unwrap();
    assert_eq!(log.tile(level_1, None).await.unwrap(), None);
}

#[tokio::test]
async fn every_checkpoint_is_consistent_with_the_last_one() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let mut checkpoints = Vec::new();
    let mut from = 1;
    for records in [1, 2, 253, 1, 300] {
        write(&db, from, from + records).await;
        from += records;
        db.sequence().await;
        sign(&db).await;
        let note = log.checkpoint(None).await.unwrap().unwrap();
        let note = SignedNote::parse(note.as_bytes()).unwrap();
        checkpoints.push(tlog::Checkpoint::parse(note.text()).unwrap());
    }
    let last = checkpoints.last().unwrap();
    assert_eq!(last.size(), 557);
    let mut session = SignerSession::new(&db.service());
    for earlier in &checkpoints {
        let (from, to) = (earlier.size(), last.size());
        let proof = log.consistency(from, to, None).await.unwrap().unwrap();
        consistency::verify(&proof, from, earlier.root(), to, last.root()).unwrap();
        assert_eq!(session.heads(from).await.unwrap().earlier, Some(*earlier.root()));
    }
    assert_eq!(log.consistency(10, 558, None).await.unwrap(), None);
    assert_eq!(log.consistency(11, 10, None).await.unwrap(), None);
    assert_eq!(session.heads(558).await.unwrap().earlier, None);
    let keys = log.verifier_keys(None).await.unwrap();
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn old_checkpoints_are_thinned_out_to_one_an_hour() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(
        &mut owner,
        "insert into control_plane.audit_log_checkpoints (origin, size, root, note, signed_at)
         select 'example.com/log', n, decode(repeat('00', 32), 'hex'), 'note',
                date_trunc('hour', now()) - interval '3 days' + n * interval '20 minutes'
           from generate_series(0, 219) n",
    )
    .await;
    let mut session = SignerSession::new(&db.service());
    session.thin_out().await.unwrap();
    let left = "select count(*) filter (where signed_at < now() - interval '1 day 1 hour')
                  from control_plane.audit_log_checkpoints";
    let left = crate::support::number(&mut owner, left).await;
    assert!((47..=48).contains(&left), "{left}");
    let newer = "select count(*) from control_plane.audit_log_checkpoints
                  where signed_at > now() - interval '1 day'";
    assert!(crate::support::number(&mut owner, newer).await >= 71);
}
