//! Outcome, names and writer in records of row changes.

use super::{records, shop};
use crate::support::sql;

#[tokio::test]
async fn row_changes_have_outcome_name_and_role() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    let change = r#"begin;
        select control_plane.audit_context('{"actor_type": "user", "actor_id": "u1", "actor_name": "Ada"}');
        insert into shop.projects (name) values ('apollo');
        commit;
        insert into shop.projects (name) values ('gemini')"#;
    sql(&mut app, change).await;
    let rows = records(&mut app).await;
    for (row, name) in rows.iter().zip([Some("Ada"), None]) {
        assert_eq!(row["outcome"], "success");
        assert_eq!(row["actor_name"].as_str(), name);
        // The trigger runs as the owner of the log; the role that logged in is named.
        assert_eq!(row["recorded_by"], "role:auditrail_app");
    }
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn long_and_odd_names_do_not_refuse_a_change() {
    let db = shop().await;
    let mut app = db.connect(db.app()).await;
    let change = "select set_config('auditrail.actor_name', repeat(E'a\\n', 300), false);
        insert into shop.projects (name) values ('apollo')";
    sql(&mut app, change).await;
    let name = records(&mut app).await[0]["actor_name"].as_str().unwrap().to_owned();
    assert_eq!(name, "a?".repeat(100));
}
