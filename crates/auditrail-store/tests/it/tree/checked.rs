//! Comparing the records with the log.

use auditrail_core::RequestContext;
use auditrail_store::erasure::{ErasedFields, Eraser, ErasureOptions, Subject};
use auditrail_store::tree::{Checker, Finding, SignerSession};
use auditrail_testkit::TestDb;
use tlog::Hash;

use super::support::{sign, write};
use crate::support::sql;

/// A whole pass that also compares these roots: the number of entries, and what is wrong.
async fn pass(db: &TestDb, roots: Vec<(u64, Hash)>) -> (u64, Vec<Finding>) {
    let mut checker = Checker::new(&db.service());
    checker.restart(roots);
    let (mut entries, mut findings) = (0, Vec::new());
    loop {
        let step = checker.step().await.unwrap();
        entries += step.entries;
        findings.extend(step.findings);
        if step.is_end {
            checker.close().await;
            return (entries, findings);
        }
    }
}

fn texts(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

async fn root(db: &TestDb) -> (u64, Hash) {
    let mut session = SignerSession::new(&db.service());
    let heads = session.heads(0).await.unwrap();
    session.close().await;
    (heads.size, heads.root)
}

#[tokio::test]
async fn log_that_nothing_was_done_to_has_no_findings() {
    let db = TestDb::migrated().await;
    assert_eq!(pass(&db, vec![]).await, (0, vec![]));
    write(&db, 1, 3_000).await;
    db.sequence().await;
    sign(&db).await;
    let first = root(&db).await;
    write(&db, 3_000, 3_500).await;
    db.sequence().await;
    let mut checker = Checker::new(&db.service());
    assert_eq!(checker.stored_root().await.unwrap(), Some(first));
    let last = root(&db).await;
    assert_eq!(pass(&db, vec![last, first]).await, (3_499, vec![]));
    let subject = Subject { actor: Some("user:u7".parse().unwrap()), target: None };
    let erasure = ErasureOptions {
        subject,
        fields: ErasedFields::usual(),
        reason: "r".to_owned(),
        by: "user:dpo".parse().unwrap(),
    };
    let eraser = Eraser::new(db.owner());
    eraser.erase(&erasure, &RequestContext::default(), &mut |_| {}).await.unwrap();
    assert_eq!(pass(&db, vec![first]).await, (3_499, vec![]));
    // Of records that are not sealed yet nothing is known.
    write(&db, 3_500, 3_510).await;
    assert_eq!(pass(&db, vec![first]).await.1, vec![]);
}

#[tokio::test]
async fn every_edit_of_a_superuser_is_found() {
    const OFF: &str = "set session_replication_role = replica;
        alter table control_plane.audit_logs disable trigger user;
        alter table control_plane.audit_log_entries disable trigger user;
        alter table control_plane.audit_log_bundles disable trigger user;
        alter table control_plane.audit_log_record_keys disable trigger user;
        alter table control_plane.audit_log_tiles disable trigger user;";
    let record = "00000000-0000-0000-0000-000000000007";
    for (edit, expected) in [
        (
            "update control_plane.audit_logs set action = 'project.deleted' where id = '$id'",
            "record $id is not the one of entry 6: it was changed after it was sealed",
        ),
        (
            "delete from control_plane.audit_logs where id = '$id'",
            "record $id of 2024-01-01T00:00:07.000000Z, which has entry 6, was removed by other means than retention",
        ),
        (
            "update control_plane.audit_log_record_keys set keys = overlay(keys placing decode(repeat('00', 32), 'hex')
             from 32 * 6 + 1) where bundle = 0",
            "the key of record $id, which has entry 6, was destroyed by other means than erasure",
        ),
        (
            "update control_plane.audit_log_entries set ids = overlay(ids placing substr(ids, 97, 16) from 81)",
            "the sequence has another record at 5 than entry 5",
        ),
        (
            "update control_plane.audit_log_tiles set hashes = overlay(hashes placing '\\x00ff' from 5)",
            "tile 0 of level 1 is not that of the entries",
        ),
    ] {
        let db = TestDb::migrated().await;
        write(&db, 1, 600).await;
        db.sequence().await;
        let known = root(&db).await;
        let mut admin = db.connect(db.admin()).await;
        sql(&mut admin, &format!("{OFF} {}", edit.replace("$id", record))).await;
        let (_, findings) = pass(&db, vec![known]).await;
        assert_eq!(texts(&findings)[0], expected.replace("$id", record), "{edit}");
    }
}

#[tokio::test]
async fn forged_tree_contradicts_a_root_that_was_kept() {
    let db = TestDb::migrated().await;
    write(&db, 1, 600).await;
    db.sequence().await;
    let known = root(&db).await;
    // The whole log made again, from records that were changed: as its author could do it.
    let mut admin = db.connect(db.admin()).await;
    sql(
        &mut admin,
        "set session_replication_role = replica;
         alter table control_plane.audit_logs disable trigger user;
         alter table control_plane.audit_log_bundles disable trigger user;
         alter table control_plane.audit_log_record_keys disable trigger user;
         alter table control_plane.audit_log_tiles disable trigger user;
         update control_plane.audit_logs set actor_id = 'forged' where id < lpad('9', 32, '0')::uuid;
         truncate control_plane.audit_log_bundles, control_plane.audit_log_record_keys,
                  control_plane.audit_log_tiles, control_plane.audit_log_checkpoints;
         update control_plane.audit_log_tree set size = 0",
    )
    .await;
    db.sequence().await;
    assert_eq!(pass(&db, vec![]).await, (599, vec![]));
    let (_, findings) = pass(&db, vec![known]).await;
    assert_eq!(findings, [Finding::OtherRoot { size: 599 }]);
    let (_, findings) = pass(&db, vec![(700, known.1)]).await;
    assert_eq!(
        texts(&findings),
        [
            "the log has 599 entries, but a checkpoint has 700: it was cut short, or restored to an earlier state"
        ]
    );
}

#[tokio::test]
async fn records_that_retention_removed_are_no_finding() {
    let db = TestDb::migrated().await;
    write(&db, 1, 100).await;
    db.sequence().await;
    let mut owner = db.connect(db.owner()).await;
    let remove = |from: u32, to: u32| {
        format!(
            "begin; set local auditrail.maintenance = 'retention';
             delete from control_plane.audit_logs
              where id between lpad(to_hex({from}), 32, '0')::uuid and lpad(to_hex({to}), 32, '0')::uuid; commit"
        )
    };
    sql(&mut owner, &remove(1, 10)).await;
    // As a run lists what it removed.
    sql(
        &mut owner,
        "insert into control_plane.audit_log_retention_runs (id, kept_at, started_by)
         values ('00000000-0000-0000-0000-0000000000ff', now(), 'system');
         insert into control_plane.audit_log_retention_removals
         values ('00000000-0000-0000-0000-0000000000ff', 'p', '', 'project.created', '', '', 10,
                 '2024-01-01T00:00:01Z', '2024-01-01T00:00:50Z', lpad('1', 32, '0')::uuid, lpad('32', 32, '0')::uuid)",
    )
    .await;
    assert_eq!(pass(&db, vec![]).await.1, vec![]);
    // Hidden among them: within the bounds of the removal, but one record too many.
    sql(&mut owner, &remove(20, 20)).await;
    assert_eq!(pass(&db, vec![]).await.1, [Finding::MoreMissing { missing: 11, removed: 10 }]);
    sql(&mut owner, &remove(90, 90)).await;
    let findings = texts(&pass(&db, vec![]).await.1);
    assert!(findings[0].contains("which has entry 89, was removed by other means"), "{findings:?}");
}
