//! `docs/query-vectors.json`: search expressions with their canonical form and terms, or with their errors.
//!
//! For every implementation of the language. Update it with `AUDITRAIL_BLESS=1`.

use std::path::Path;

use auditrail_core::expression::{Condition, Term};
use auditrail_core::words::Phrase;
use auditrail_core::{Expression, StoredAddress, limits};
use serde_json::{Value, json};

use crate::strategies::now;

/// Expressions; some have errors.
#[expect(clippy::too_many_lines, reason = "a list")]
fn expressions() -> Vec<String> {
    let texts = [
        // Words and phrases.
        "deploy",
        "Prod DB",
        "\"prod db\"",
        "-deploy",
        "-\"prod db\"",
        "s3.GetBucketLogging",
        "GetBucket*",
        "\"prod d\"*",
        "a.*",
        "ÜBER Straße ẞ İ \u{212a}elvin",
        "東京 ไทย",
        "\"a \\\"b\\\" c\"",
        "\"C:\\temp\\\\x\"",
        "\"*\"a",
        "\"a*b\"",
        "\"a:b\"",
        "--a",
        "\"-a\"",
        "a-b",
        "or",
        "\"OR\"",
        "  a\t b\r\nc ",
        // Keys.
        "actor:ana",
        "actor:user:ana",
        "actor:system",
        "actor:user",
        "actor:arn:aws:iam::1:user/ana",
        "actor_id:user:ana",
        "actor_type:user,api_key",
        "-action:secret.accessed",
        "action:key.*,secret.*",
        "target:p1",
        "target:project:p1",
        "target:bucket:arn:aws:s3:::b",
        "target_id:\"a, b\",c",
        "target_type:project",
        "tenant:acme",
        "tenant_id:acme request_id:r1 ip_address:10.0.0.7 user_agent:curl",
        "request:r1",
        "outcome:failure,denied",
        "ip:10.1.2.3/8",
        "ip:2001:db8::/32,::ffff:10.0.0.1",
        "agent:curl",
        "agent:\"Mozilla/5.0 (X11\",cur*,\"a,b\"*",
        "id:01890a5d-ac96-774b-bcce-b302099a8057",
        "metadata.plan:pro",
        "metadata.http.status:404,500",
        "metadata.note:\"\"",
        "metadata.note:\"two\nlines\"",
        "-metadata.plan:free",
        "since:2026-01-01 until:2026-02-01T00:00:00+01:00",
        "start_date:7d end_date:\"2 weeks ago\"",
        "actor:ana -action:secret.* \"prod db\"",
        // Mistakes.
        "",
        "   ",
        "-",
        "a - b",
        "\"a",
        "a \"b c",
        "a\"b\"",
        "\"a\"b",
        "\"a\"\"b\"",
        "\"a\":b",
        "...",
        "a && b",
        "a OR b",
        "(a b)",
        "*",
        "a*b",
        "**",
        "\"a\nb\"",
        "acter:ana",
        "Actor:ana",
        "http://example.com",
        "user:ana",
        "status:denied",
        "intents:all",
        "q:a",
        ":a",
        "metadata:a",
        "metadata.:a",
        "actor:",
        "actor: ana",
        "actor:a,",
        "actor:,a",
        "actor:\"\"",
        "actor:a\"b\"",
        "actor:\"a\"b",
        "actor:\"a\"*",
        "actor:system:x",
        "actor_type:robot",
        "actor_type:user,robot",
        "action:*",
        "action:key*",
        "action:k*y.a",
        "outcome:ok",
        "ip:10.0.0",
        "ip:10.0.0.0/33",
        "id:seven",
        "agent:--",
        "-since:7d",
        "since:7d,8d",
        "since:yesterday",
        "acter:ana robot:x \u{e9} colour:y",
    ];
    let mut texts: Vec<String> = texts.map(str::to_owned).into();
    let repeated = |text: &str, times: usize| vec![text; times].join(" ");
    texts.extend([
        repeated("tenant:a", limits::EXPRESSION_TERMS_MAX),
        repeated("tenant:a", limits::EXPRESSION_TERMS_MAX + 1),
        repeated("a", limits::EXPRESSION_PHRASES_MAX),
        repeated("a", limits::EXPRESSION_PHRASES_MAX + 1),
        format!("id:{}", vec!["x"; limits::EXPRESSION_ALTERNATIVES_MAX + 1].join(",")),
        "é".repeat(limits::PHRASE_MAX_CHARS),
        "é".repeat(limits::PHRASE_MAX_CHARS + 1),
        format!("a{}", " ".repeat(limits::EXPRESSION_MAX_CHARS - 1)),
        format!("a{}", " ".repeat(limits::EXPRESSION_MAX_CHARS)),
        format!("tenant:{}", "é".repeat(limits::TENANT_ID_MAX_CHARS + 1)),
    ]);
    texts
}

fn phrase(phrase: &Phrase) -> Value {
    json!({"text": phrase.text(), "is_prefix": phrase.is_prefix()})
}

fn texts<T: ToString>(key: &str, values: &[T]) -> (String, Value) {
    (key.to_owned(), values.iter().map(ToString::to_string).collect())
}

fn term(term: &Term) -> Value {
    let (key, values) = match &term.condition {
        Condition::Text(text) => {
            return json!({"is_excluded": term.is_excluded, "phrase": phrase(text)});
        }
        Condition::Agent(phrases) => ("agent".to_owned(), phrases.iter().map(phrase).collect()),
        Condition::Actor(values) => texts("actor", values),
        Condition::ActorId(values) => texts("actor_id", values),
        Condition::ActorType(values) => texts("actor_type", values),
        Condition::Action(values) => texts("action", values),
        Condition::Target(values) => texts("target", values),
        Condition::TargetId(values) => texts("target_id", values),
        Condition::TargetType(values) => texts("target_type", values),
        Condition::Tenant(values) => texts("tenant", values),
        Condition::Request(values) => texts("request", values),
        Condition::Outcome(values) => texts("outcome", values),
        Condition::Ip(networks) => {
            let networks: Vec<_> = networks.iter().copied().map(StoredAddress::from).collect();
            texts("ip", &networks)
        }
        Condition::Id(values) => texts("id", values),
        Condition::Metadata(filters) => {
            let values: Vec<_> = filters.iter().map(|filter| filter.value().to_owned()).collect();
            texts(&format!("metadata.{}", filters[0].key()), &values)
        }
        Condition::Since(time) => texts("since", &[time]),
        Condition::Until(time) => texts("until", &[time]),
    };
    json!({"is_excluded": term.is_excluded, "key": key, "values": values})
}

#[test]
fn query_vectors_are_current() {
    let (mut valid, mut invalid) = (Vec::new(), Vec::new());
    for q in expressions() {
        match Expression::parse(&q, now()) {
            Ok(parsed) => {
                let terms: Vec<Value> = parsed.terms().iter().map(term).collect();
                valid.push(json!({"q": q, "canonical": parsed.to_string(), "terms": terms}));
            }
            Err(errors) => {
                let errors: Vec<Value> = errors
                    .iter()
                    .map(|error| json!({"position": error.position, "code": error.code}))
                    .collect();
                invalid.push(json!({"q": q, "errors": errors}));
            }
        }
    }
    let about = "Search expressions (docs/search.md): the valid ones with their canonical form and their terms, the \
                 others with the code of each error and its position in characters from 1. `now` is the clock. \
                 Written by the tests of auditrail-core.";
    let document =
        json!({"about": about, "now": now().to_string(), "valid": valid, "invalid": invalid});
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/query-vectors.json");
    if std::env::var_os("AUDITRAIL_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "docs/query-vectors.json is outdated; run with AUDITRAIL_BLESS=1");
}
