//! Helpers of the driver tests.

use std::error::Error;

use auditrail_core::{Action, Actor, CreateInput, Record};
use auditrail_in_transaction::RecordInError;
use auditrail_testkit::{TestDb, Transport};

pub(crate) const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// A database with an application table, and its URL for the least-privileged role.
pub(crate) async fn shop() -> (TestDb, String) {
    let mut db = TestDb::migrated().await;
    if db.transport() == Transport::Tls {
        // The drivers are built without TLS, which callers choose.
        db = TestDb::migrated_over(Transport::Tcp).await;
    }
    db.as_owner(
        "create schema shop;
         create table shop.projects (name text);
         grant usage on schema shop to auditrail_app;
         grant select, insert on shop.projects to auditrail_app",
    )
    .await;
    let url = db.url(&db.app());
    (db, url)
}

pub(crate) const BUSINESS: &str = "insert into shop.projects values ('a')";

/// A record with an id, so that it can be repeated.
pub(crate) fn input() -> CreateInput {
    let target = "project:p1".parse().unwrap();
    CreateInput::new(Actor::user("u1").unwrap(), Action::ProjectCreated, target)
        .with_id(ID.parse().unwrap())
        .with_metadata(r#"{"plan": "pro", "n": 1.50}"#.parse().unwrap())
}

/// The same id with another target.
pub(crate) fn other() -> CreateInput {
    CreateInput { target: "project:p2".parse().unwrap(), ..input() }
}

/// The numbers of application rows and of records.
pub(crate) async fn counts(db: &TestDb) -> (i64, i64) {
    let mut owner = db.connect(db.owner()).await;
    ::sqlx::query_as(
        "select (select count(*) from shop.projects), (select count(*) from control_plane.audit_logs)",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap()
}

/// A time that only the database rejects, by its clock.
pub(crate) fn late() -> CreateInput {
    input().with_created_at("2999-01-01T00:00:00Z".parse().unwrap())
}

pub(crate) fn is_conflict<E: Error>(error: &RecordInError<E>) {
    assert!(matches!(error, RecordInError::IdConflict(_)), "{error:?}");
    assert!(words(error).contains("and other content is already there"), "{error:?}");
}

pub(crate) fn is_rejected<E: Error>(error: &RecordInError<E>) {
    assert!(matches!(error, RecordInError::Refused(_)), "{error:?}");
    let words = words(error);
    assert!(words.contains("/created_at: is more than 300 seconds in the future"), "{words}");
}

pub(crate) fn is_database_error<E: Error>(error: &RecordInError<E>) {
    assert!(matches!(error, RecordInError::Database(_)), "{error:?}");
    assert!(words(error).contains("record_audit_log(jsonb) does not exist"), "{error:?}");
}

/// The error with all its sources.
fn words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words.push_str(&format!(": {error}"));
        source = error.source();
    }
    words
}

/// The returned record has the generated fields, and equals the stored one.
pub(crate) async fn check_generated_fields(db: &TestDb, input: &CreateInput, record: &Record) {
    assert!(input.matches_stored(record), "{record:?}");
    assert_eq!(record.id.as_uuid().get_version_num(), 7);
    let mut owner = db.connect(db.owner()).await;
    let stored: String = ::sqlx::query_scalar(
        "select (to_jsonb(r) - 'xact_id')::text from control_plane.audit_logs r
          where id = $1::uuid and created_at between now() - interval '1 hour' and now()",
    )
    .bind(record.id.to_string())
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(serde_json::from_str::<Record>(&stored).unwrap(), *record);
}

/// Without the id and time that make it repeatable.
pub(crate) fn bare() -> CreateInput {
    CreateInput { id: None, ..input() }
}

pub(crate) fn check(record: &Record) {
    assert!(input().matches_stored(record), "{record:?}");
}
