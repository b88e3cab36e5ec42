//! Erasure breaks no proof, and leaves nothing to confirm a guess with.

use auditrail_evidence::{Disclosure, FIELDS, RecordKey};
use auditrail_store::erasure::ErasedFields;
use auditrail_testkit::TestDb;

use super::support::{erase_all_of, log, proof, sign, subject, tables_with, write};
use crate::support::sql;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn older_and_newer_proofs_verify_after_an_erasure() {
    let db = TestDb::migrated().await;
    write(&db, 600).await;
    db.sequence().await;
    let policy = sign(&db).await;
    let log = log(&db).await;
    let before = proof(&log, 45).await;
    let report = erase_all_of(&db, subject("user:ana5"), ErasedFields::usual()).await.unwrap();
    // 30 as actor, 86 as target, of which 5 are both.
    assert_eq!((report.records, report.altered), (111, 0));
    // What was proved before still is.
    assert_eq!(before.verify(&policy).unwrap().erased.len(), 0);
    for number in [5, 25, 45, 12, 19, 7, 600] {
        let now = proof(&log, number).await;
        let verified = now.verify(&policy).unwrap();
        let erased: Vec<&str> = verified.erased.iter().map(|field| field.as_str()).collect();
        let is_actor = number % 20 == 5;
        let is_target = number % 7 == 5;
        let expected: Vec<&str> = FIELDS
            .into_iter()
            .map(|field| field.as_str())
            .filter(|name| match *name {
                "actor_id" | "actor_name" | "ip_address" | "user_agent" => is_actor,
                "target_id" | "target_name" => is_target,
                _ => false,
            })
            .collect();
        assert_eq!(erased, expected, "{number}");
        assert_eq!(verified.shown.len(), FIELDS.len() - erased.len());
    }
    // Under a later checkpoint too, which has the record of the erasure.
    db.sequence().await;
    let policy = sign(&db).await;
    assert_eq!(proof(&log, 45).await.verify(&policy).unwrap().checkpoint.checkpoint.size(), 601);
}

#[tokio::test]
async fn guess_of_an_erased_value_cannot_be_confirmed() {
    let db = TestDb::migrated().await;
    write(&db, 300).await;
    db.sequence().await;
    sign(&db).await;
    let log = log(&db).await;
    let before = proof(&log, 45).await;
    let actor = FIELDS.into_iter().find(|field| field.as_str() == "actor_id").unwrap();
    let Disclosure::Shown { salt, value } = before.fields[actor.index()].clone() else { panic!() };
    assert_eq!(value.as_deref(), Some("ana5"));
    let mut owner = db.connect(db.owner()).await;
    let keys = "select substr(keys, 32 * 44 + 1, 32) from control_plane.audit_log_record_keys where bundle = 0";
    let key: Vec<u8> = sqlx::query_scalar(keys).fetch_one(&mut owner).await.unwrap();
    assert_eq!(RecordKey::new(key.clone().try_into().unwrap()).salt(actor).0, salt.0);
    assert_eq!(tables_with(&mut owner, &hex(&key)).await, ["audit_log_record_keys"]);
    let mut fields = ErasedFields::usual().names().collect::<Vec<_>>();
    fields.push("metadata".to_owned());
    let fields = ErasedFields::new(fields.iter().map(String::as_str)).unwrap();
    erase_all_of(&db, subject("user:ana5"), fields).await.unwrap();
    // Neither the key, nor the salt, nor the value is left in any table.
    for secret in
        [hex(&key), hex(&salt.0), "ana5@".to_owned(), "ana5\"".to_owned(), ",ana5,".to_owned()]
    {
        assert_eq!(tables_with(&mut owner, &secret).await, [""; 0], "{secret}");
    }
    // With the true value and every salt that is left, nothing gives the commitment.
    let after = proof(&log, 45).await;
    let Disclosure::Erased(commitment) = after.fields[actor.index()] else { panic!() };
    for disclosure in &after.fields {
        if let Disclosure::Shown { salt, .. } = disclosure {
            assert_ne!(salt.commitment(actor, Some("ana5")), commitment);
        }
    }
    for key in [[0; 32], [255; 32]] {
        let guess = RecordKey::new(key).salt(actor).commitment(actor, Some("ana5"));
        assert_ne!(guess, commitment);
    }
    assert_eq!(salt.commitment(actor, Some("ana5")), commitment);
}

#[tokio::test]
async fn erasures_of_the_same_record_add_up() {
    let db = TestDb::migrated().await;
    write(&db, 60).await;
    db.sequence().await;
    let policy = sign(&db).await;
    let log = log(&db).await;
    let email = "metadata.email".parse().unwrap();
    let report = erase_all_of(&db, subject("user:ana3"), email).await.unwrap();
    assert_eq!(report.records, 11);
    let first = proof(&log, 3).await.verify(&policy).unwrap();
    assert_eq!(first.erased.iter().map(|f| f.as_str()).collect::<Vec<_>>(), ["metadata"]);
    erase_all_of(&db, subject("user:ana3"), ErasedFields::usual()).await.unwrap();
    let second = proof(&log, 3).await.verify(&policy).unwrap();
    assert_eq!(second.erased.len(), 1 + 6);
    let mut owner = db.connect(db.owner()).await;
    let left: String = sqlx::query_scalar(
        "select metadata::text from control_plane.audit_logs where id = lpad('3', 32, '0')::uuid",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(left, r#"{"n": 3}"#);
    let erasures =
        crate::support::number(&mut owner, "select count(*) from control_plane.audit_log_erasures")
            .await;
    assert_eq!(erasures, 2);
}

#[tokio::test]
async fn altered_record_is_erased_and_counted() {
    let db = TestDb::migrated().await;
    write(&db, 60).await;
    db.sequence().await;
    let mut admin = db.connect(db.admin()).await;
    sql(
        &mut admin,
        "set session_replication_role = replica; alter table control_plane.audit_logs disable trigger user;
         update control_plane.audit_logs set actor_name = 'Bea' where id = lpad('3', 32, '0')::uuid;
         alter table control_plane.audit_logs enable always trigger audit_logs_append_only",
    )
    .await;
    let report = erase_all_of(&db, subject("user:ana3"), ErasedFields::usual()).await.unwrap();
    assert_eq!((report.records, report.altered), (11, 1));
    assert_eq!(tables_with(&mut admin, "Bea").await, [""; 0]);
}

#[tokio::test]
async fn record_that_is_not_sealed_gets_the_entry_of_the_new_values() {
    let db = TestDb::migrated().await;
    write(&db, 40).await;
    erase_all_of(&db, subject("user:ana3"), ErasedFields::usual()).await.unwrap();
    db.sequence().await;
    let policy = sign(&db).await;
    let log = log(&db).await;
    let verified = proof(&log, 3).await.verify(&policy).unwrap();
    assert_eq!(verified.erased.len(), 0);
}
