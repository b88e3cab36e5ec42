//! What the tests of the drivers share.

use auditrail_core::{Action, Actor, CreateInput, Record};
use auditrail_testkit::TestDb;

pub(crate) const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// A database with a table of business, and its address for the least-privileged role.
pub(crate) async fn shop() -> (TestDb, String) {
    let db = TestDb::migrated().await;
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

/// How many rows of business and how many records there are.
pub(crate) async fn counts(db: &TestDb) -> (i64, i64) {
    let mut owner = db.connect(db.owner()).await;
    ::sqlx::query_as(
        "select (select count(*) from shop.projects), (select count(*) from control_plane.audit_logs)",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap()
}

pub(crate) fn check(record: &Record) {
    assert!(input().is_held_by(record), "{record:?}");
}
