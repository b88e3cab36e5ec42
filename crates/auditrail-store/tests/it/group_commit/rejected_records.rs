//! A record that the database rejects fails its own request only.

use auditrail_core::ProvidedFields;
use auditrail_store::{OnConflict, StoreError, WriteError, WriteRequest};
use auditrail_testkit::TestDb;

use super::support::{
    conflicts_of, count, in_one_group, many, one, outcome, soon, start, start_one,
};
use crate::support::{record, sql};

/// A request of three records, of which the second has the target of a secret.
fn poison() -> WriteRequest {
    let mut records = vec![record(900, 1), record(901, 1), record(902, 1)];
    records[1].target = "secret:s1".parse().unwrap();
    many(records, OnConflict::Skip)
}

/// Writes it in the middle of 50 other requests under a rule, and returns its error.
async fn rejection_in_a_group(rule: &str, more: Vec<WriteRequest>) -> StoreError {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, rule).await;
    let repeated = more.len();
    let mut requests: Vec<_> = (0..50).map(one).chain(more).collect();
    requests.insert(25, poison());
    let mut answers = in_one_group(&db, requests).await;
    let rejection = answers.remove(25);
    let mut created = 0;
    for answer in answers {
        let answer = answer.unwrap();
        created += answer.created.len();
        assert!(answer == outcome(&[0], &[], &[]) || answer == outcome(&[], &[0], &[]));
    }
    assert_eq!(created, 50);
    assert_eq!(count(&mut owner).await, 52, "{repeated} repeated");
    match rejection {
        Err(WriteError::Refused { source }) => source,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn check_of_the_user_rejects_a_single_request() {
    let rule = "alter table control_plane.audit_logs
                add constraint no_secrets check (target_type <> 'secret')";
    for more in [vec![], vec![one(1), one(49)]] {
        let rejection = rejection_in_a_group(rule, more).await;
        assert!(
            matches!(&rejection, StoreError::Rejected { rule, .. } if rule == "no_secrets"),
            "{rejection:?}"
        );
    }
}

/// A trigger that raises an exception with this SQLSTATE.
fn trigger(sqlstate: &str) -> String {
    format!(
        "create function public.refuse() returns trigger language plpgsql as $$
         begin
             if new.target_type = 'secret' then
                 raise exception 'no secrets' using errcode = '{sqlstate}';
             end if;
             return new;
         end $$;
         create trigger refuse before insert on control_plane.audit_logs
             for each row execute function public.refuse()"
    )
}

#[tokio::test]
async fn trigger_rejects_a_single_request_with_any_sqlstate() {
    // A code of the user, and codes of an outage if the server raises them.
    for code in ["P0001", "42501", "53100", "57014", "25006", "57P03"] {
        let rejection = rejection_in_a_group(&trigger(code), vec![]).await;
        assert!(!rejection.to_string().contains("no secrets"), "{rejection}");
    }
}

#[tokio::test]
async fn record_skipped_by_a_trigger_is_not_acknowledged() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    let silent = "create function public.swallow() returns trigger language plpgsql as $$
                  begin
                      return case when new.target_type = 'secret' then null else new end;
                  end $$;
                  create trigger swallow before insert on control_plane.audit_logs
                      for each row execute function public.swallow()";
    sql(&mut owner, silent).await;
    let writer = start_one(&db);
    let secret = |n: u32| {
        let mut secret = record(n, n);
        secret.target = "secret:s1".parse().unwrap();
        secret
    };
    // A single record is written by INSERT, which detects the trigger; no COPY is tried after that.
    for n in [0, 10, 20] {
        assert_eq!(writer.write(one(n), soon()).await.unwrap(), outcome(&[0], &[], &[]));
        let skipped = WriteRequest::one(secret(n + 1), ProvidedFields::ALL);
        assert_eq!(conflicts_of(writer.write(skipped, soon()).await), [0]);
    }
    let batch = |on_conflict| many(vec![record(30, 30), secret(31), record(32, 32)], on_conflict);
    assert_eq!(conflicts_of(writer.write(batch(OnConflict::Refuse), soon()).await), [1]);
    assert_eq!(count(&mut owner).await, 3);
    let result = writer.write(batch(OnConflict::Skip), soon()).await.unwrap();
    assert_eq!(result, outcome(&[0, 2], &[], &[1]));
    assert_eq!(count(&mut owner).await, 5);
}

#[tokio::test]
async fn row_level_policy_rejects_a_single_request() {
    let rule = "alter table control_plane.audit_logs enable row level security;
                create policy no_secrets on control_plane.audit_logs
                    using (true) with check (target_type <> 'secret')";
    let rejection = rejection_in_a_group(rule, vec![one(7)]).await;
    assert!(matches!(rejection, StoreError::PermissionDenied { .. }), "{rejection:?}");
}

#[tokio::test]
async fn unique_index_of_the_user_is_not_an_id_conflict() {
    // A partitioned table has unique indexes with the id alone.
    let db = TestDb::plain().await;
    let mut owner = db.connect(db.owner()).await;
    let rule = "create unique index one_request on control_plane.audit_logs (request_id)";
    sql(&mut owner, rule).await;
    let with_request = |n: u32| {
        let mut record = record(n, n);
        record.request_id = Some("r1".parse().unwrap());
        WriteRequest::one(record, ProvidedFields::ALL)
    };
    let requests = vec![one(1), with_request(2), one(3), with_request(4), one(5)];
    let answers = in_one_group(&db, requests).await;
    let rejection: Vec<_> = answers.iter().map(Result::is_err).collect();
    assert_eq!(rejection, [false, false, false, true, false]);
    assert!(matches!(
        &answers[3],
        Err(WriteError::Refused { source: StoreError::Rejected { rule, .. } })
            if rule == "one_request"
    ));
    assert_eq!(count(&mut owner).await, 6);
}

#[tokio::test]
async fn writer_is_healthy_after_a_rejection() {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    sql(&mut owner, &trigger("57P03")).await;
    let writer = start(&db);
    for n in 0..3 {
        let rejection = writer.write(poison(), soon()).await.unwrap_err();
        assert!(matches!(rejection, WriteError::Refused { .. }), "{rejection:?}");
        assert_eq!(rejection.retry_after(), None);
        assert_eq!(writer.write(one(n), soon()).await.unwrap(), outcome(&[0], &[], &[]));
    }
    let stats = writer.stats();
    assert_eq!((stats.refused, stats.failures), (3, 0));
    assert!(stats.outage.is_none());
}
