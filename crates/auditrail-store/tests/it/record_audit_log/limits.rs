//! The limits in the source of the SQL functions are those of `auditrail_core::limits`.

use std::collections::BTreeMap;

use auditrail_core::limits;
use auditrail_testkit::TestDb;
use serde_json::Value;

/// The limits of text fields, by their names.
fn text_limits() -> BTreeMap<String, usize> {
    [
        ("actor_id", limits::ACTOR_ID_MAX_CHARS),
        ("action", limits::ACTION_MAX_CHARS),
        ("target_type", limits::TARGET_TYPE_MAX_CHARS),
        ("target_id", limits::TARGET_ID_MAX_CHARS),
        ("user_agent", limits::USER_AGENT_MAX_CHARS),
        ("tenant_id", limits::TENANT_ID_MAX_CHARS),
        ("request_id", limits::REQUEST_ID_MAX_CHARS),
        ("actor_name", limits::ACTOR_NAME_MAX_CHARS),
        ("target_name", limits::TARGET_NAME_MAX_CHARS),
    ]
    .into_iter()
    .map(|(name, limit)| (name.to_owned(), limit))
    .collect()
}

/// The source of a function in the schema, with whitespace collapsed.
async fn source(db: &TestDb, function: &str) -> String {
    let mut owner = db.connect(db.owner()).await;
    let source: String = sqlx::query_scalar(
        "select pg_get_functiondef(oid) from pg_proc
          where pronamespace = 'control_plane'::regnamespace and proname = $1",
    )
    .bind(function)
    .fetch_one(&mut owner)
    .await
    .unwrap();
    source.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The number that follows each occurrence of `text`.
fn numbers_after(source: &str, text: &str) -> Vec<usize> {
    source
        .match_indices(text)
        .map(|(at, _)| &source[at + text.len()..])
        .map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap())
        .collect()
}

fn number_after(source: &str, text: &str) -> usize {
    let numbers = numbers_after(source, text);
    assert_eq!(numbers.len(), 1, "`{text}` occurs {} times", numbers.len());
    numbers[0]
}

#[tokio::test]
async fn audit_log_problems_has_the_limits_of_core() {
    let db = TestDb::migrated().await;
    let source = source(&db, "audit_log_problems").await;
    let (_, fields) = source.split_once("fields constant jsonb := '").unwrap();
    let (fields, _) = fields.split_once('\'').unwrap();
    let fields: Vec<Value> = serde_json::from_str(fields).unwrap();
    let max_chars: BTreeMap<String, usize> = fields
        .iter()
        .filter_map(|field| Some((field["name"].as_str()?, field.get("max")?.as_u64()?)))
        .map(|(name, max)| (name.to_owned(), usize::try_from(max).unwrap()))
        .collect();
    assert_eq!(max_chars, text_limits());

    let integer = |name: &str| number_after(&source, &format!("{name} constant integer := "));
    assert_eq!(integer("metadata_max_bytes"), limits::METADATA_MAX_BYTES);
    assert_eq!(integer("metadata_max_digits") as u64, limits::METADATA_MAX_NUMBER_DIGITS);
    assert_eq!(integer("named_max"), limits::REPORTED_NAME_MAX_CHARS);
    assert_eq!(number_after(&source, "'strict $.**{"), limits::METADATA_MAX_DEPTH);
    assert_eq!(number_after(&source, "nests more than "), limits::METADATA_MAX_DEPTH);
    assert_eq!(number_after(&source, "'$[0 to "), limits::REPORTED_ERRORS_MAX - 1);
    let ahead = number_after(&source, "max_ahead constant interval := interval '") * 60;
    assert_eq!(i64::try_from(ahead).unwrap(), limits::CREATED_AT_MAX_AHEAD_SECONDS);
}

#[tokio::test]
async fn record_audit_log_fast_path_has_the_limits_of_core() {
    let db = TestDb::migrated().await;
    let source = source(&db, "record_audit_log").await;
    for (name, limit) in text_limits() {
        let length = format!("length(input ->> '{name}') ");
        let max = [format!("{length}<= "), format!("{length}between 1 and ")]
            .iter()
            .flat_map(|text| numbers_after(&source, text))
            .collect::<Vec<_>>();
        assert_eq!(max, [limit], "{name}");
    }
    let bytes = numbers_after(&source, "octet_length(metadata) <= ");
    let digits = usize::try_from(limits::METADATA_MAX_NUMBER_DIGITS).unwrap();
    assert_eq!(bytes, [limits::METADATA_MAX_BYTES, digits]);
    assert_eq!(number_after(&source, "'strict $.**{"), limits::METADATA_MAX_DEPTH);
}

#[tokio::test]
async fn record_row_change_truncates_at_the_limits_of_core() {
    let db = TestDb::migrated().await;
    let source = source(&db, "record_row_change").await;
    let integer = |name: &str| number_after(&source, &format!("{name} constant integer := "));
    assert_eq!(integer("max_bytes"), limits::METADATA_MAX_BYTES);
    assert_eq!(integer("max_digits") as u64, limits::METADATA_MAX_NUMBER_DIGITS);
    assert_eq!(number_after(&source, "left(target, "), limits::TARGET_ID_MAX_CHARS);
    assert_eq!(
        number_after(&source, "left(present ->> tenant_column, "),
        limits::TENANT_ID_MAX_CHARS
    );
    for (name, limit) in text_limits()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("target_") && name != "action")
    {
        let text = format!("left(current_setting('auditrail.{name}', true), ");
        assert_eq!(number_after(&source, &text), limit, "{name}");
    }
}

#[tokio::test]
async fn unusual_row_changes_have_the_limits_of_core() {
    let db = TestDb::migrated().await;
    let unusual = source(&db, "audit_unusual_change").await;
    assert_eq!(
        number_after(&unusual, " max_bytes constant integer := "),
        limits::METADATA_MAX_BYTES
    );
    let depth = number_after(&unusual, "max_depth constant integer := ");
    assert_eq!(depth, limits::METADATA_MAX_DEPTH);
    let storable = source(&db, "audit_value_is_storable").await;
    let digits = number_after(&storable, "max_digits constant integer := ");
    assert_eq!(digits as u64, limits::METADATA_MAX_NUMBER_DIGITS);
}
