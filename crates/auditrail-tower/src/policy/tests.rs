//! What `docs/policy-vectors.json` says, which the TypeScript client is tested against too, and what is
//! Rust's alone.

use std::path::PathBuf;

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::pattern::{RequestPath, RoutePattern, StatusPattern};
use super::pointer::Pointer;
use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn docs(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

/// A part of the vectors.
fn vectors<T: DeserializeOwned>(part: &str) -> Result<T, Box<dyn std::error::Error>> {
    let all: Value = serde_json::from_str(&std::fs::read_to_string(docs("policy-vectors.json"))?)?;
    Ok(serde_json::from_value(all[part].clone())?)
}

fn params_of(route: &RoutePattern, values: &[Box<str>]) -> Value {
    let pairs = route.parameters().zip(values);
    pairs.map(|(name, value)| (name.to_owned(), Value::from(&**value))).collect()
}

#[test]
fn routes_match_as_the_vectors_say() -> Outcome {
    #[derive(Deserialize)]
    struct Case {
        route: String,
        target: String,
        params: Value,
    }
    for Case { route, target, params } in vectors::<Vec<Case>>("routes")? {
        let pattern = RoutePattern::parse(&route)?;
        let found = RequestPath::parse(&target).params(&pattern);
        let found = found.map_or(Value::Null, |values| params_of(&pattern, &values));
        assert_eq!(found, params, "{route} {target}");
    }
    Ok(())
}

#[test]
fn statuses_match_as_the_vectors_say() -> Outcome {
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
fn methods_are_as_the_vectors_say() -> Outcome {
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
fn the_example_decides_as_the_vectors_say() -> Outcome {
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
fn everything_wrong_is_told_at_once_as_the_vectors_say() -> Outcome {
    #[derive(Deserialize)]
    struct Case {
        policy: String,
        problems: Vec<String>,
    }
    for Case { policy, problems } in vectors::<Vec<Case>>("wrong")? {
        let refused = Policy::parse(&policy, "p.toml").expect_err(&policy);
        let told: Vec<String> = refused.problems().iter().map(ToString::to_string).collect();
        assert_eq!(told, problems, "{policy}");
        assert_eq!(refused.to_string(), problems.join("\n"));
    }
    Ok(())
}

#[test]
fn what_is_no_toml_is_told_with_its_line() -> Outcome {
    let refused = Policy::parse("version = 1\n[[rule]]\nroute = = 1\n", "p.toml");
    let told = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(told.starts_with("p.toml:3: this is no TOML: "), "{told}");
    let twice = Policy::parse("version = 1\nversion = 1\n", "p.toml").err().map(|e| e.to_string());
    assert!(twice.as_deref().is_some_and(|told| told.starts_with("p.toml:2: ")), "{twice:?}");
    Ok(())
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let refused = Policy::load("no-such-policy.toml").err().map(|error| error.to_string());
    assert!(refused.is_some_and(|told| told.contains("no-such-policy.toml")));
}

#[test]
fn the_page_describes_every_key_of_the_example() -> Outcome {
    let page = std::fs::read_to_string(docs("policy.md"))?;
    let example = std::fs::read_to_string(docs("policy-example.toml"))?;
    let keys = example.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key);
    let missing: Vec<&str> =
        keys.filter(|key| !key.starts_with('#') && !page.contains(&format!("| `{key}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    Ok(())
}

#[test]
fn a_policy_in_code_says_the_same_as_in_a_file() -> Outcome {
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
fn what_a_policy_leaves_out_has_the_documented_default() -> Outcome {
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
fn a_wrong_policy_in_code_tells_everything_with_the_place_of_the_rule() {
    let refused = Policy::builder()
        .trusted_proxy("nobody")
        .redact("/~")
        .rule(Rule::on("GET", "/a").level(Level::None))
        .rule(Rule::on("POST", "b").action("x").target("t", IdFrom::path("id")))
        .rule(Rule::any("/c").name("third").action("a.b"))
        .build();
    let told: Vec<String> = refused
        .err()
        .into_iter()
        .flat_map(|error| error.problems().to_vec())
        .map(|p| p.to_string())
        .collect();
    assert_eq!(
        told,
        [
            "the policy: `/~` in `redact` is no JSON pointer; write one such as \"/project/id\"",
            "the policy: `nobody` is no address or network; write one such as \"10.0.0.0/8\"",
            "rule 2 (POST b): the route `b` must start with `/`",
            "rule 2 (POST b): `action` must be of the form resource.verb, such as \"project.created\"",
            "rule 3 (third): a rule needs `target_type`, unless its level is \"none\"",
        ]
    );
}

#[test]
fn what_is_removed_replaced_picked_and_cut_is_as_the_vectors_say() -> Outcome {
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

/// A segment with the characters that paths are made of, and those that change what a path is.
fn segment() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9._~!$&'()+,;=:@ä😀-]{1,8}"
}

/// A character in one of the ways that a request line may have it.
fn written(c: char, escaped: bool) -> String {
    if escaped || !c.is_ascii() || c == '%' {
        let mut bytes = [0; 4];
        return c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect();
    }
    c.to_string()
}

proptest! {
    #[test]
    fn a_path_cannot_dodge_its_route_by_the_way_it_is_written(
        segments in prop::collection::vec(segment(), 1..5),
        parameter in any::<prop::sample::Index>(),
        escapes in prop::collection::vec(any::<bool>(), 40),
        slashes in prop::collection::vec(prop::sample::select(vec!["/", "//", "\\", "/\\/"]), 6),
        end in prop::sample::select(vec!["", "/", "//", "?a=/b", "#c", "/?x"]),
        origin in prop::sample::select(vec!["", "http://host", "HTTPS://u@h:1"]),
        upper in any::<bool>(),
    ) {
        let at = parameter.index(segments.len());
        let route: String = segments.iter().enumerate().map(|(place, text)| {
            // As it is, it would look like another framework's parameter, and be refused.
            let colon = text.strip_prefix(':').map(|rest| format!("%3A{rest}"));
            let text = colon.as_ref().unwrap_or(text);
            if place == at { "/{id}".to_owned() } else { format!("/{text}") }
        }).collect();
        let mut escapes = escapes.into_iter().cycle();
        let path: String = segments.iter().zip(&slashes).enumerate().map(|(place, (text, slash))| {
            let text = if upper && place != at { text.to_uppercase() } else { text.clone() };
            let text: String = text.chars().map(|c| written(c, escapes.next() == Some(true))).collect();
            format!("{slash}{text}")
        }).collect();
        let slash = if origin.is_empty() { "" } else { "/" };
        let target = format!("{origin}{slash}{path}{end}");
        let pattern = RoutePattern::parse(&route).map_err(TestCaseError::fail)?;
        let found = RequestPath::parse(&target).params(&pattern);
        prop_assert_eq!(found, Some(vec![Box::from(segments[at].as_str())]), "{} {}", route, target);
    }

    #[test]
    fn no_text_upsets_the_parsers(text in ".{0,60}", path in ".{0,60}") {
        let path = RequestPath::parse(&path);
        if let Ok(route) = RoutePattern::parse(&text) {
            let names = route.parameters().count();
            if let Some(params) = path.params(&route) {
                prop_assert_eq!(params.len(), names);
            }
        }
        drop(Policy::parse(&text, "p"));
        drop(StatusPattern::parse(&text));
    }

    #[test]
    fn what_is_picked_is_found_at_its_place(
        steps in prop::collection::vec("[a-z~/0-9]{0,4}", 1..5),
        value in any::<i64>(),
    ) {
        let written: String = steps.iter().map(|step| {
            format!("/{}", step.replace('~', "~0").replace('/', "~1"))
        }).collect();
        let document = steps.iter().rev().fold(Value::from(value), |inner, step| {
            Value::Object([(step.clone(), inner)].into_iter().collect())
        });
        let pointer = Pointer::parse(&written).ok_or_else(|| TestCaseError::fail("no pointer"))?;
        prop_assert_eq!(pointer.steps(), &steps[..]);
        prop_assert_eq!(pointer.find(&document), Some(&Value::from(value)));
        let picked = picked(&document, std::slice::from_ref(&pointer));
        prop_assert_eq!(picked.as_ref(), Some(&document));
        let redaction = Redaction::new([written.as_str()]);
        let clean = redaction.clean(&document);
        prop_assert!(clean.as_ref().and_then(|clean| pointer.find(clean)).is_none());
    }

    #[test]
    fn no_secret_survives_whatever_is_around_it(
        path in prop::collection::vec("[a-z]{1,3}|[0-2]", 0..4),
        name in prop::sample::select(vec!["password", "PassWord", "AUTHORIZATION", "set-cookie", "X-Api-Key"]),
        list in any::<bool>(),
    ) {
        let secret = Value::Object([(name.to_owned(), "planted".into())].into_iter().collect());
        let document = path.iter().rev().fold(secret, |inner, step| {
            if list { Value::Array(vec![inner]) } else { Value::Object([(step.clone(), inner)].into_iter().collect()) }
        });
        let clean = Redaction::new(["password"]).clean(&document);
        prop_assert!(!serde_json::to_string(&clean).unwrap_or_default().contains("planted"));
    }
}
