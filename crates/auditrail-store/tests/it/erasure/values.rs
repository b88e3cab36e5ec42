//! What an erasure changes.

use auditrail_core::{CursorKey, Query};
use auditrail_store::erasure::{ErasedFields, Eraser, ErasureError};
use auditrail_testkit::TestDb;
use sqlx::Row as _;

use super::support::{erase_all_of, log, subject, tables_with, write};
use crate::support::{number, sql};

#[tokio::test]
async fn ids_become_one_pseudonym_and_other_fields_null() {
    let db = TestDb::migrated().await;
    write(&db, 200).await;
    db.sequence().await;
    let report = erase_all_of(&db, subject("user:ana5"), ErasedFields::usual()).await.unwrap();
    let mut owner = db.connect(db.owner()).await;
    let row = sqlx::query(
        "select actor_id, target_id, actor_name, user_agent, text(ip_address), metadata::text, action, tenant_id
           from control_plane.audit_logs where id = lpad('5', 32, '0')::uuid",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    let text = |column: usize| row.get::<Option<String>, _>(column);
    assert_eq!(text(0).as_ref(), Some(&report.pseudonym));
    assert_eq!(text(1).as_ref(), Some(&report.pseudonym));
    assert_eq!([text(2), text(3), text(4)], [None, None, None]);
    assert_eq!(text(5).unwrap(), r#"{"n": 5, "email": "ana5@example.com"}"#);
    assert_eq!([text(6), text(7)], ["project.created", "t1"].map(|text| Some(text.to_owned())));
    // Others are as they were.
    let others = "select count(*) from control_plane.audit_logs
                   where actor_id = 'ana4' and actor_name = 'Ana 4' and user_agent = 'agent4'";
    assert_eq!(number(&mut owner, others).await, 10);
    // The record of the erasure has nothing of the subject.
    let recorded: String = sqlx::query_scalar(
        "select metadata::text || actor_id || target_id from control_plane.audit_logs
          where action = 'audit_log.erased'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert!(recorded.contains("request 17") && recorded.contains("user_agent"), "{recorded}");
    assert!(recorded.contains(&report.pseudonym) && !recorded.contains("ana5"), "{recorded}");
}

#[tokio::test]
async fn words_of_erased_values_are_not_found() {
    let db = TestDb::migrated().await;
    write(&db, 600).await;
    db.sequence().await;
    db.index_words().await;
    let log = log(&db).await;
    let found = async |q: &str| {
        let key = CursorKey::public();
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        let query = Query::from_pairs([("q", q)], &key, now).unwrap();
        log.page(&query).await.unwrap().data.len()
    };
    assert!(found("agent5").await > 0);
    erase_all_of(&db, subject("user:ana5"), ErasedFields::usual()).await.unwrap();
    assert_eq!(found("agent5").await, 0);
    assert!(found("agent4").await > 0);
}

#[tokio::test]
async fn failed_erasure_changes_nothing() {
    let db = TestDb::migrated().await;
    write(&db, 100).await;
    db.sequence().await;
    let mut owner = db.connect(db.owner()).await;
    let everything =
        "select md5(string_agg(t::text, '' order by id)) from control_plane.audit_logs t";
    let keys = "select md5(string_agg(t::text, '' order by bundle)) from control_plane.audit_log_record_keys t";
    let state = async |owner: &mut sqlx::PgConnection| -> [String; 2] {
        [
            sqlx::query_scalar(everything).fetch_one(&mut *owner).await.unwrap(),
            sqlx::query_scalar(keys).fetch_one(&mut *owner).await.unwrap(),
        ]
    };
    let before = state(&mut owner).await;
    // The last step fails.
    sql(
        &mut owner,
        "create function public.fail() returns trigger language plpgsql as $$
         begin
             if new.action = 'audit_log.erased' then raise exception 'no'; end if;
             return new;
         end $$;
         create trigger fail before insert on control_plane.audit_logs
             for each row execute function public.fail()",
    )
    .await;
    erase_all_of(&db, subject("user:ana5"), ErasedFields::usual()).await.unwrap_err();
    assert_eq!(state(&mut owner).await, before);
    assert_eq!(
        number(&mut owner, "select count(*) from control_plane.audit_log_erasures").await,
        0
    );
}

#[tokio::test]
async fn only_the_owner_erases() {
    let db = TestDb::migrated().await;
    write(&db, 20).await;
    let options = auditrail_store::erasure::ErasureOptions {
        subject: subject("user:ana5"),
        fields: ErasedFields::usual(),
        reason: String::new(),
        by: "user:dpo".parse().unwrap(),
    };
    let context = auditrail_core::RequestContext::default();
    let erased = Eraser::new(db.service()).erase(&options, &context, &mut |_| {}).await;
    assert!(matches!(erased, Err(ErasureError::NotOwner { .. })), "{erased:?}");
    let planned = Eraser::new(db.owner()).plan(&subject("user:ana5")).await.unwrap();
    assert_eq!((planned.records, planned.held), (3, 0));
    let mut owner = db.connect(db.owner()).await;
    assert_eq!(tables_with(&mut owner, ",ana5,").await.len(), 1);
}

#[tokio::test]
async fn subject_without_records_is_an_erasure_of_none() {
    let db = TestDb::migrated().await;
    let report = erase_all_of(&db, subject("user:zoe"), ErasedFields::usual()).await.unwrap();
    assert_eq!((report.records, report.altered), (0, 0));
}
