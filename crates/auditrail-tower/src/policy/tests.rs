//! The vectors of `docs/policy-vectors.json`, shared with the TypeScript client, and tests of Rust alone.

mod properties;
mod servers;

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::pattern::{RoutePattern, StatusPattern};
use super::pointer::Pointer;
use super::readings::RequestPath;
use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn docs(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

/// A section of the vectors.
fn vectors<T: DeserializeOwned>(part: &str) -> Result<T, Box<dyn std::error::Error>> {
    let all: Value = serde_json::from_str(&std::fs::read_to_string(docs("policy-vectors.json"))?)?;
    Ok(serde_json::from_value(all[part].clone())?)
}

/// The values of a route's parameters in the first reading of a target that matches.
fn first_params(route: &RoutePattern, target: &str) -> Option<Vec<Box<str>>> {
    RequestPath::parse(target).readings().find_map(|reading| route.matching(reading))
}

fn params_of(route: &RoutePattern, values: &[Box<str>]) -> Value {
    let pairs = route.parameters().zip(values);
    pairs.map(|(name, value)| (name.to_owned(), Value::from(&**value))).collect()
}

#[test]
fn routes_match_the_vectors() -> Outcome {
    #[derive(Deserialize)]
    struct Case {
        route: String,
        target: String,
        params: Value,
    }
    for Case { route, target, params } in vectors::<Vec<Case>>("routes")? {
        let pattern = RoutePattern::parse(&route)?;
        let found = first_params(&pattern, &target);
        let found = found.map_or(Value::Null, |values| params_of(&pattern, &values));
        assert_eq!(found, params, "{route} {target}");
    }
    Ok(())
}

#[test]
fn statuses_match_the_vectors() -> Outcome {
    #[derive(Deserialize)]
    struct Case {
        pattern: String,
        of: Vec<u16>,
        matches: Vec<u16>,
    }
    for Case { pattern, of, matches } in vectors::<Vec<Case>>("statuses")? {
        let parsed = StatusPattern::parse(&pattern)?;
        let found: Vec<u16> = of.into_iter().filter(|status| parsed.matches(*status)).collect();
        assert_eq!(found, matches, "{pattern}");
    }
    for wrong in vectors::<Vec<String>>("wrong_statuses")? {
        assert!(StatusPattern::parse(&wrong).is_err(), "{wrong}");
    }
    Ok(())
}

#[test]
fn methods_match_the_vectors() -> Outcome {
    #[derive(Deserialize)]
    struct Case {
        methods: Vec<String>,
        method: String,
        matches: bool,
    }
    for Case { methods, method, matches } in vectors::<Vec<Case>>("methods")? {
        let methods = serde_json::to_string(&methods)?;
        let rule = format!("[[rule]]\nroute = \"/a\"\nlevel = \"none\"\nmethods = {methods}");
        let policy = Policy::parse(&format!("version = 1\n{rule}"), "p.toml")?;
        assert_eq!(!policy.matches(&method, "/a").is_empty(), matches, "{method} {methods}");
    }
    Ok(())
}

#[test]
fn decisions_match_the_vectors() -> Outcome {
    #[derive(Deserialize)]
    struct Decision {
        method: String,
        target: String,
        status: Option<u16>,
        rule: Option<String>,
    }
    #[derive(Deserialize)]
    struct Intent {
        method: String,
        target: String,
        rule: Option<String>,
        params: Value,
    }
    let example = Policy::load(docs("policy-example.toml"))?;
    for Decision { method, target, status, rule } in vectors::<Vec<Decision>>("decisions")? {
        let matches = example.matches(&method, &target);
        let decided = match status {
            Some(status) => matches.decide(status),
            None => matches.decide_without_status(),
        };
        let name = decided.map(|found| found.name());
        assert_eq!(name, rule.as_deref(), "{method} {target} {status:?}");
    }
    for Intent { method, target, rule, params } in vectors::<Vec<Intent>>("intents")? {
        let matches = example.matches(&method, &target);
        let intent = matches.intent();
        assert_eq!(intent.map(|found| found.name()), rule.as_deref(), "{method} {target}");
        for (name, value) in params.as_object().into_iter().flatten() {
            assert_eq!(intent.and_then(|found| found.param(name)), value.as_str(), "{name}");
        }
    }
    Ok(())
}

#[test]
fn ambiguous_paths_match_the_vectors() -> Outcome {
    #[derive(Deserialize)]
    struct Ambiguous {
        policy: String,
        cases: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Case {
        method: String,
        target: String,
        status: Option<u16>,
        ambiguous: bool,
        rule: Option<String>,
        params: Option<serde_json::Map<String, Value>>,
        others: Vec<String>,
        covered: Option<bool>,
        intent: Option<String>,
    }
    let Ambiguous { policy, cases } = vectors("ambiguous")?;
    let policy = Policy::parse(&policy, "p.toml")?;
    for case in cases {
        let matches = policy.matches(&case.method, &case.target);
        let decided = match case.status {
            Some(status) => matches.decide(status),
            None => matches.decide_without_status(),
        };
        let label = format!("{} {}", case.method, case.target);
        assert_eq!(decided.map(|found| found.name()), case.rule.as_deref(), "{label}");
        for (name, value) in case.params.iter().flatten() {
            let found = decided.and_then(|found| found.param(name));
            assert_eq!(found, value.as_str(), "{label} {name}");
        }
        let others: Vec<&str> =
            matches.others(case.status).iter().map(|found| found.name()).collect();
        assert_eq!(others, case.others, "{label}");
        assert_eq!(matches.is_ambiguous(), case.ambiguous, "{label}");
        let covered = case.status.map(|status| matches.covers(status));
        assert_eq!(covered, case.covered, "{label}");
        let intent = matches.intent().map(|found| found.name());
        assert_eq!(intent, case.intent.as_deref(), "{label}");
    }
    Ok(())
}

#[test]
fn long_ambiguous_paths_are_matched_in_bounded_time() -> Outcome {
    let policy = Policy::builder()
        .rule(Rule::any("/public/{*rest}").level(Level::None))
        .rule(Rule::on("DELETE", "/p/{id}").action("p.deleted").target("p", IdFrom::path("id")))
        .build()?;
    let target = format!("//public{}/p/x", "/a%252f;%3f\\..".repeat(5_000));
    let started = std::time::Instant::now();
    assert!(policy.matches("DELETE", &target).decide(200).is_some());
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
    let hidden = format!("/public{}/p/x", "/a/..".repeat(5_000) + "/..");
    assert_eq!(
        policy.matches("DELETE", &hidden).decide(200).map(|rule| rule.level()),
        Some(Level::Metadata)
    );
    Ok(())
}

#[test]
fn all_problems_match_the_vectors() -> Outcome {
    #[derive(Deserialize)]
    struct Case {
        policy: String,
        problems: Vec<String>,
    }
    for Case { policy, problems } in vectors::<Vec<Case>>("wrong")? {
        let refused = Policy::parse(&policy, "p.toml").expect_err(&policy);
        let messages: Vec<String> = refused.problems().iter().map(ToString::to_string).collect();
        assert_eq!(messages, problems, "{policy}");
        assert_eq!(refused.to_string(), problems.join("\n"));
    }
    Ok(())
}

#[test]
fn invalid_toml_is_reported_with_its_line() -> Outcome {
    let refused = Policy::parse("version = 1\n[[rule]]\nroute = = 1\n", "p.toml");
    let message = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.starts_with("p.toml:3: this is no TOML: "), "{message}");
    let twice = Policy::parse("version = 1\nversion = 1\n", "p.toml").err().map(|e| e.to_string());
    assert!(twice.as_deref().is_some_and(|message| message.starts_with("p.toml:2: ")), "{twice:?}");
    Ok(())
}

#[test]
fn missing_file_is_named() {
    let refused = Policy::load("no-such-policy.toml").err().map(|error| error.to_string());
    assert!(refused.is_some_and(|message| message.contains("no-such-policy.toml")));
}

#[test]
fn documentation_describes_every_example_key() -> Outcome {
    let page = std::fs::read_to_string(docs("policy.md"))?;
    let example = std::fs::read_to_string(docs("policy-example.toml"))?;
    let keys = example.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key);
    let missing: Vec<&str> =
        keys.filter(|key| !key.starts_with('#') && !page.contains(&format!("| `{key}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    Ok(())
}

#[test]
fn policies_in_code_and_file_are_equivalent() -> Outcome {
    let file = r#"
version = 1
failure = "best_effort"
redact = ["token"]
[[rule]]
name = "made"
methods = ["POST", "PUT"]
route = "/v1/projects/{id}"
status = ["2xx"]
level = "request"
action = "project.created"
target_type = "project"
target_id = { path = "id" }
tenant_id = { header = "X-Tenant" }
failure = "must"
allow = ["/name"]
"#;
    let built = Policy::builder()
        .failure(auditrail_core::FailurePolicy::BestEffort)
        .redact("token")
        .rule(
            Rule::on("post", "/v1/projects/{id}")
                .or("PUT")
                .name("made")
                .status("2xx")
                .level(Level::Request)
                .action("project.created")
                .target("project", IdFrom::path("id"))
                .tenant(IdFrom::header("x-tenant"))
                .failure(auditrail_core::FailurePolicy::Must)
                .allow("/name"),
        )
        .build()?;
    assert_eq!(format!("{built:?}"), format!("{:?}", Policy::parse(file, "p.toml")?));
    Ok(())
}

#[test]
fn omitted_keys_have_documented_defaults() -> Outcome {
    let text = "version = 1\n[[rule]]\nmethods = [\"put\", \"PATCH\"]\nroute = \"/a\"\naction = \"a.b\"\ntarget_type = \"t\"";
    let policy = Policy::parse(text, "p")?;
    let matches = policy.matches("PUT", "/a");
    let rule = matches.decide(599).ok_or("no rule")?;
    assert_eq!((rule.name(), rule.level()), ("PUT,PATCH /a", Level::Metadata));
    assert_eq!(rule.failure(), auditrail_core::FailurePolicy::Spool);
    assert!(!policy.trusts([127, 0, 0, 1].into()));
    Ok(())
}

#[test]
fn problems_in_code_name_their_rule() {
    let refused = Policy::builder()
        .trusted_proxy("anywhere")
        .redact("/~")
        .rule(Rule::on("GET", "/a").level(Level::None))
        .rule(Rule::on("POST", "b").action("x").target("t", IdFrom::path("id")))
        .rule(Rule::any("/c").name("third").action("a.b"))
        .build();
    let messages: Vec<String> = refused
        .err()
        .into_iter()
        .flat_map(|error| error.problems().to_vec())
        .map(|p| p.to_string())
        .collect();
    assert_eq!(
        messages,
        [
            "the policy: `/~` in `redact` is no JSON pointer; write one such as \"/project/id\"",
            "the policy: `anywhere` is no address or network; write one such as \"10.0.0.0/8\"",
            "rule 2 (POST b): the route `b` must start with `/`",
            "rule 2 (POST b): `action` must be of the form resource.verb, such as \"project.created\"",
            "rule 3 (third): a rule needs `target_type`, unless its level is \"none\"",
        ]
    );
}

#[test]
fn redaction_matches_the_vectors() -> Outcome {
    #[derive(Deserialize)]
    struct Clean {
        redact: Vec<String>,
        document: Value,
        clean: Value,
    }
    #[derive(Deserialize)]
    struct Number {
        json: String,
        id: String,
        clean: Value,
    }
    #[derive(Deserialize)]
    struct Picked {
        allow: Vec<String>,
        document: Value,
        picked: Option<Value>,
    }
    #[derive(Deserialize)]
    struct Column {
        text: String,
        max: usize,
        column: String,
    }
    #[derive(Deserialize)]
    struct Sound {
        text: String,
        sound: bool,
    }
    for Sound { text, sound } in vectors::<Vec<Sound>>("pointers")? {
        assert_eq!(Pointer::parse(&text).is_some(), sound, "{text}");
    }
    for Clean { redact, document, clean } in vectors::<Vec<Clean>>("clean")? {
        let redaction = Redaction::new(redact.iter().map(String::as_str));
        assert_eq!(redaction.clean(&document), Some(clean), "{redact:?}");
    }
    for Number { json, id, clean } in vectors::<Vec<Number>>("numbers")? {
        let value: Value = serde_json::from_str(&json)?;
        let text = value.as_number().map(number_text);
        assert_eq!(text, Some(id), "{json}");
        let cleaned = Redaction::new([]).clean(&value);
        let same = match (&cleaned, &clean) {
            (Some(Value::Number(a)), Value::Number(b)) => a.as_f64() == b.as_f64(),
            (a, b) => a.as_ref() == Some(b),
        };
        assert!(same, "{json}: {cleaned:?}");
    }
    for Picked { allow, document, picked: expected } in vectors::<Vec<Picked>>("picked")? {
        let pointers: Option<Vec<Pointer>> =
            allow.iter().map(|text| Pointer::parse(text)).collect();
        assert_eq!(picked(&document, &pointers.unwrap_or_default()), expected, "{allow:?}");
    }
    for Column { text, max, column: expected } in vectors::<Vec<Column>>("columns")? {
        assert_eq!(column(&text, max), expected);
    }
    Ok(())
}
