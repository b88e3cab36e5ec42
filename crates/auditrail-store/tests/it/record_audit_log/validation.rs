//! The function and the parser agree: they accept the same inputs, and reject the others with the same
//! codes and details.

use std::net::IpAddr;

use auditrail_core::{AuditLogService, CreateInput, InputError};
use auditrail_store::PgAuditLog;
use auditrail_testkit::TestDb;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{ID, call, error_parts, with};
use crate::support::{log, number};

/// The number of random inputs of each kind.
const TRIES: usize = 300;

struct Validators {
    // Keeps the database.
    _db: TestDb,
    app: PgConnection,
    log: PgAuditLog,
}

impl Validators {
    async fn new() -> Self {
        let db = TestDb::migrated().await;
        Self { app: db.connect(db.app()).await, log: log(&db).await, _db: db }
    }

    /// Both must reject the input with the same errors, or accept it with the same record. Returns whether it
    /// was accepted.
    async fn agree(&mut self, input: &str) -> bool {
        let called = call(&mut self.app, input).await;
        match (by_interface(input), called) {
            (Ok(input_record), Ok(id)) => {
                let stored = self.log.get(id).await.unwrap().unwrap();
                assert!(input_record.matches_stored(&stored), "{input}: {stored:?}");
                true
            }
            (Err(InputError::Invalid(errors)), Err(error)) => {
                let (state, message, detail) = error_parts(&error);
                assert_eq!(state, "22023", "{input}: {message}");
                assert_eq!(message, without_position(&errors.to_string()), "{input}");
                let errors = without_position(&serde_json::to_string(&errors).unwrap());
                let errors: Value = serde_json::from_str(&errors).unwrap();
                assert_eq!(detail, errors, "{input}");
                false
            }
            (interface, called) => panic!("{input}: {interface:?} and {called:?}"),
        }
    }

    async fn agree_on_random(&mut self, field: &str, texts: impl Strategy<Value = String>) {
        let mut runner = TestRunner::deterministic();
        let mut accepted = 0;
        for _ in 0..TRIES {
            let text = texts.new_tree(&mut runner).unwrap().current();
            accepted += usize::from(self.agree(&with(json!({ field: text })).to_string()).await);
        }
        assert!(
            (10..TRIES - 10).contains(&accepted),
            "{field}: {accepted} of {TRIES} were accepted"
        );
    }
}

fn by_interface(input: &str) -> Result<CreateInput, InputError> {
    #[expect(clippy::disallowed_methods, reason = "the function uses the same clock")]
    let now = Timestamp::now();
    CreateInput::from_json(input.as_bytes(), now)
}

/// jsonb does not have the position of a number in the text.
fn without_position(errors: &str) -> String {
    match errors.split_once(" at byte ") {
        Some((before, after)) => {
            format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => errors.to_owned(),
    }
}

#[tokio::test]
async fn invalid_objects_have_the_errors_of_the_interface() {
    let mut validators = Validators::new().await;
    for input in ["{}", "[]", "null", "\"text\"", "7", "true", "[{}]"] {
        validators.agree(input).await;
    }
    let strange = "~/".repeat(60);
    for input in [
        json!({"actor_type": null, "x/y~z": 1, "id": 5}),
        json!({"actor_type": "system", "metadata": false, "user_agent": {}, "created_at": []}),
        with(json!({"actor": "u1"})),
        with(json!({ strange: null })),
    ] {
        validators.agree(&input.to_string()).await;
    }
    // More than are reported. The names have one length, so jsonb keeps this order.
    let many = (100..250).map(|n| (format!("f{n}"), json!(n)));
    validators.agree(&Value::Object(many.collect()).to_string()).await;
}

#[tokio::test]
async fn limits_and_formats_are_those_of_the_interface() {
    let mut validators = Validators::new().await;
    let long = |n: usize| "ü".repeat(n);
    for fields in [
        json!({"actor_type": "robot"}),
        json!({"actor_type": "system"}),
        json!({"actor_type": "system", "actor_id": ""}),
        json!({"actor_type": "system", "actor_id": 3}),
        json!({"actor_type": "system", "actor_id": "system"}),
        json!({"actor_type": "api_key", "actor_id": "system"}),
        json!({"actor_id": long(500), "target_id": long(500), "target_type": long(50)}),
        json!({"actor_id": long(501), "target_id": long(501), "target_type": long(51)}),
        json!({"outcome": "denied", "actor_name": "Ada", "target_name": "Apollo"}),
        json!({"outcome": "done", "actor_name": "", "target_name": "a\tb"}),
        json!({"outcome": "", "actor_name": long(200), "target_name": long(201)}),
        json!({"outcome": 1, "actor_name": 1, "target_name": []}),
        json!({"recorded_by": "key:1"}),
        json!({"recorded_by": null, "outcome": null}),
        json!({"tenant_id": "", "request_id": "", "user_agent": ""}),
        json!({"tenant_id": long(200), "request_id": long(200), "user_agent": long(1_024)}),
        json!({"tenant_id": long(201), "request_id": long(201), "user_agent": long(1_025)}),
        json!({"actor_id": "a\u{7f}b", "user_agent": "line\nbreak", "target_id": "\u{85}"}),
        json!({"action": format!("a.{}", long(98))}),
        json!({"action": format!("a.{}", long(99))}),
        json!({"metadata": null, "ip_address": null, "id": null, "tenant_id": null}),
        json!({"id": ID.replace('-', "").to_uppercase()}),
        json!({"id": format!("{{{ID}}}")}),
        json!({"id": format!("urn:uuid:{ID}")}),
        json!({"created_at": "2026-01-02T03:04:05.000001+00:00", "ip_address": "2001:db8::7"}),
        json!({"created_at": "2024-02-29T03:04:05Z", "ip_address": "::ffff:203.0.113.7"}),
        json!({"created_at": "2026-02-29T03:04:05Z", "ip_address": 203.0}),
        json!({"created_at": "9999-12-30T22:00:00Z"}),
        json!({"created_at": "9999-12-30T22:00:00.5Z"}),
        json!({"created_at": "9999-12-31T23:59:59Z"}),
        json!({"created_at": "2999-01-02T03:04:05+01:00"}),
        json!({"created_at": "0000-12-31T23:59:59-01:00"}),
        json!({"created_at": "0001-01-01T00:30:00+01:00"}),
        json!({"created_at": "12026-01-02T03:04:05Z"}),
        json!({"created_at": "-2026-01-02T03:04:05Z"}),
        json!({"created_at": "2026-01-02"}),
        json!({"created_at": "2026-W01-2T03:04:05Z"}),
        json!({"created_at": "2026-01-02T03:04:05Z[Europe/Berlin]"}),
    ] {
        validators.agree(&with(fields).to_string()).await;
    }
    assert!(number(&mut validators.app, "select count(*) from control_plane.audit_logs").await > 5);
}

#[tokio::test]
async fn metadata_limits_are_those_of_the_interface() {
    let mut validators = Validators::new().await;
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let digits = |n: usize| "7".repeat(n);
    for metadata in [
        "[]".to_owned(),
        "\"text\"".to_owned(),
        "{}".to_owned(),
        format!("{{\"deep\":{}}}", nested(31)),
        format!("{{\"deep\":{}}}", nested(32)),
        // As deep, and too large for the fast path.
        format!("{{\"deep\":{},\"pad\":\"{}\"}}", nested(31), "ü".repeat(2_000)),
        format!("{{\"deep\":{},\"pad\":\"{}\"}}", nested(32), "ü".repeat(2_000)),
        // 65,536 bytes and one more; PostgreSQL prints spaces after each colon and comma.
        format!("{{\"pad\":\"{}\"}}", "x".repeat(65_526)),
        format!("{{\"pad\":\"{}\"}}", "x".repeat(65_527)),
        format!("{{\"a, b: \\\"c\\\"\":[1{}]}}", ",1".repeat(32_758)),
        format!("{{\"a, b: \\\"c\\\"\":[1{}]}}", ",1".repeat(32_759)),
        format!("{{\"n\":{}}}", digits(1_000)),
        format!("{{\"n\":[-0.{}]}}", digits(999)),
        format!("{{\"n\":{}}}", digits(1_001)),
        "{\"n\":1e999}".to_owned(),
        "{\"n\":[{\"m\":1e1000}]}".to_owned(),
        "{\"n\":1e-999}".to_owned(),
        "{\"n\":1e-1000}".to_owned(),
        format!("{{\"many\":[1e900{}]}}", ",1e900".repeat(80)),
    ] {
        let mut text = with(json!({})).to_string();
        text.insert_str(1, &format!("\"metadata\":{metadata},"));
        validators.agree(&text).await;
    }
    assert!(number(&mut validators.app, "select count(*) from control_plane.audit_logs").await > 5);
}

#[tokio::test]
async fn any_text_is_validated_as_by_the_interface() {
    let mut validators = Validators::new().await;
    // No NUL, which jsonb cannot store.
    let texts = || {
        prop_oneof![
            "[a-z.*]{0,6}",
            "[\\x01-\\x20\\x7e-\\xa0a]{0,4}",
            "[a-z]{1,3}\\.[a-z\\x85]{1,3}",
            "\\PC{0,60}",
            "(user|system|api_key)",
            "(success|failure|denied|unknown)",
        ]
    };
    for field in [
        "actor_id",
        "actor_type",
        "action",
        "target_type",
        "target_id",
        "user_agent",
        "tenant_id",
        "request_id",
        "outcome",
        "actor_name",
        "target_name",
    ] {
        validators.agree_on_random(field, texts()).await;
    }
}

#[tokio::test]
async fn any_time_is_parsed_as_by_the_interface() {
    let mut validators = Validators::new().await;
    let likely = "(0000|0001|1969|1970|2000|2023|2024|9999)-(0[0-9]|1[0-3])-(0[0-9]|[12][0-9]|3[0-2])[Tt ]([01][0-9]|2[0-4]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]{0,10})?(Z|z|[+-]([01][0-9]|2[0-6]):[0-5][0-9])";
    let unlikely =
        "[+-]?[0-9]{3,5}-[0-9]{2}-[0-9]{2}[Tt _]?([0-9]{2}:?){1,3}[Zz]?([+-][0-9]{2}:?[0-9]{0,2})?";
    validators.agree_on_random("created_at", prop_oneof![3 => likely, 1 => unlikely]).await;
}

#[tokio::test]
async fn any_address_and_id_is_parsed_as_by_the_interface() {
    let mut validators = Validators::new().await;
    let addresses = prop_oneof![
        any::<IpAddr>().prop_map(|address| address.to_string()),
        "[0-9a-f:.%/]{0,12}",
        "([0-9a-fA-F]{0,5}:){1,8}[0-9a-f]{0,5}",
        "[0-9a-f]{1,4}(:[0-9]{1,4}){0,3}::([0-9]{1,4}:){0,4}[0-9]{0,4}",
        "(::|::ffff:|1:)?([0-9]{1,3}\\.){2,4}[0-9]{1,3}",
    ];
    validators.agree_on_random("ip_address", addresses).await;
    let ids = prop_oneof![
        "[0-9a-fA-F]{31,33}",
        "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-g]{4}-?[0-9a-f]{12}",
    ];
    validators.agree_on_random("id", ids).await;
}
