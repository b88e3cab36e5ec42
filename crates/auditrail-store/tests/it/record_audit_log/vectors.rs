//! The SQL function judges the inputs of `docs/record-vectors.json` as core does.

use std::path::Path;

use auditrail_testkit::TestDb;
use serde_json::{Value, json};
use sqlx::PgConnection;

/// Whether the function cannot judge an input: PostgreSQL cannot represent it as jsonb or represents it as
/// something else, as zero with an exponent, or the clock of the vectors is not that of the server.
fn is_beyond_sql(case: &Value) -> bool {
    let codes = ["not_json", "unstorable_text", "in_future", "duplicate_field"];
    let errors = case["errors"].as_array().unwrap();
    errors.iter().any(|error| codes.contains(&error["code"].as_str().unwrap()))
        || [r"\u0000", ":0e"].iter().any(|text| case["input"].as_str().unwrap().contains(text))
}

/// The errors of an input; in jsonb the order of unknown fields is lost.
async fn problems(app: &mut PgConnection, input: &str) -> Vec<(String, String)> {
    let problems: Value = sqlx::query_scalar("select control_plane.audit_log_problems($1::jsonb)")
        .bind(sqlx::types::JsonRawValue::from_string(input.to_owned()).unwrap())
        .fetch_one(app)
        .await
        .unwrap();
    sorted(&problems)
}

fn sorted(errors: &Value) -> Vec<(String, String)> {
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    let mut errors: Vec<_> =
        errors.as_array().unwrap().iter().map(|e| (text(e, "pointer"), text(e, "code"))).collect();
    errors.sort();
    errors
}

#[tokio::test]
async fn audit_log_problems_agrees_with_the_vectors() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/record-vectors.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let db = TestDb::migrated().await;
    let mut app = db.connect(db.app()).await;
    let mut judged = 0;
    for case in vectors["cases"].as_array().unwrap().iter().filter(|case| !is_beyond_sql(case)) {
        let input = case["input"].as_str().unwrap();
        assert_eq!(problems(&mut app, input).await, sorted(&case["errors"]), "{input}");
        judged += 1;
    }
    assert!(judged > 200, "{judged}");
    assert_ne!(json!(judged), vectors["cases"].as_array().unwrap().len(), "some are beyond SQL");
}
