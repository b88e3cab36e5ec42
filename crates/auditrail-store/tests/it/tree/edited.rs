//! What the tables of the log refuse, and rows that were changed by a superuser.

use auditrail_store::StoreError;
use auditrail_store::tree::Sealer;
use auditrail_testkit::TestDb;

use super::support::{assert_sealed, drain, write};
use crate::support::sql;

#[tokio::test]
async fn rows_of_the_log_only_grow() {
    let db = TestDb::migrated().await;
    write(&db, 1, 700).await;
    db.sequence().await;
    let mut owner = db.connect(db.owner()).await;
    for statement in [
        "update control_plane.audit_log_bundles set entries = overlay(entries placing '\\x00' from 3)",
        "update control_plane.audit_log_bundles set bundle = bundle + 10",
        "update control_plane.audit_log_bundles set entries = substr(entries, 1, 56)",
        "update control_plane.audit_log_bundles set entries = entries",
        "delete from control_plane.audit_log_bundles",
        "truncate control_plane.audit_log_bundles",
        "update control_plane.audit_log_tiles set hashes = overlay(hashes placing '\\x00' from 3)",
        "update control_plane.audit_log_tiles set level = 3",
        "delete from control_plane.audit_log_tiles",
        "truncate control_plane.audit_log_tiles",
        "update control_plane.audit_log_record_keys set keys = overlay(keys placing '\\x00' from 3)",
        "delete from control_plane.audit_log_record_keys",
        "truncate control_plane.audit_log_record_keys",
    ] {
        let refused = sqlx::raw_sql(statement).execute(&mut owner).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refused}");
    }
    assert_sealed(&mut owner).await;
}

#[tokio::test]
async fn service_cannot_change_an_entry_or_destroy_a_key() {
    let db = TestDb::migrated().await;
    write(&db, 1, 10).await;
    db.sequence().await;
    let mut service = db.connect(db.service()).await;
    for statement in [
        "update control_plane.audit_log_bundles set entries = overlay(entries placing '\\x00' from 3)",
        "set auditrail.maintenance = 'erasure';
         update control_plane.audit_log_record_keys set keys = overlay(keys placing '\\x00' from 3)",
        "delete from control_plane.audit_log_tiles",
        "update control_plane.audit_log_verifier_keys set verifier_key = 'x'",
    ] {
        let refused = sqlx::raw_sql(statement).execute(&mut service).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refused}");
    }
    let mut reader = db.connect(db.app()).await;
    let keys = sqlx::raw_sql("select from control_plane.audit_log_record_keys");
    keys.execute(&mut reader).await.unwrap_err();
}

#[tokio::test]
async fn nothing_is_added_to_a_damaged_log() {
    for (edit, expected) in [
        (
            "alter table control_plane.audit_log_bundles disable trigger user;
             update control_plane.audit_log_bundles set entries = substr(entries, 1, octet_length(entries) - 56)
              where bundle = 2",
            "level 0 of a tree of size 699 has 187 hashes in its partial tile, not 186",
        ),
        (
            "alter table control_plane.audit_log_tiles disable trigger user;
             delete from control_plane.audit_log_tiles",
            "level 1 of a tree of size 699 has 2 hashes in its partial tile, not 0",
        ),
        (
            "update control_plane.audit_log_tree set size = size + 10",
            "it has 709 entries, and the sequence 699",
        ),
    ] {
        let db = TestDb::migrated().await;
        write(&db, 1, 700).await;
        db.sequence().await;
        let mut owner = db.connect(db.owner()).await;
        sql(&mut owner, edit).await;
        if !edit.contains("size + 10") {
            write(&db, 700, 710).await;
            let mut sequencer = auditrail_store::sequencer::Sequencer::new(&db.service());
            sequencer.step().await.unwrap();
            sequencer.close().await;
        }
        let mut sealer = Sealer::new(&db.service());
        let error = sealer.step().await.unwrap_err();
        let StoreError::DamagedTree { detail } = &error else { panic!("{error}") };
        assert_eq!(detail, expected);
    }
}

#[tokio::test]
async fn records_are_sealed_after_a_dump_is_restored() {
    let db = TestDb::migrated().await;
    write(&db, 1, 300).await;
    db.sequence().await;
    let mut sealer = Sealer::new(&db.service());
    let mut owner = db.connect(db.owner()).await;
    // As after a restore: the position is of another cluster, and every record is looked at again.
    sql(&mut owner, "update control_plane.audit_log_sequencer set cluster = 'other'").await;
    write(&db, 300, 320).await;
    db.sequence().await;
    assert_eq!(drain(&mut sealer).await, (0, 0));
    assert_sealed(&mut owner).await;
}
