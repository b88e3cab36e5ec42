//! No server, however it reads a path, handles a request that the policy overlooks.

use proptest::prelude::*;

use super::super::Policy;

const POLICY: &str = r#"
version = 1
[[rule]]
name = "none"
route = "/pub/{*rest}"
level = "none"
[[rule]]
name = "none too"
route = "/p/{id}/logs"
level = "none"
[[rule]]
name = "weak"
route = "/w/{*rest}"
action = "w.w"
target_type = "w"
failure = "best_effort"
[[rule]]
name = "spooled"
route = "/p/{id}"
action = "p.p"
target_type = "p"
[[rule]]
name = "must"
route = "/k/{id}"
action = "k.k"
target_type = "k"
failure = "must"
"#;

/// Pieces of paths with which servers differ.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "/",
        "/",
        "/",
        "/pub",
        "/p",
        "/k",
        "/w",
        "/x",
        "/logs",
        "/..",
        "/.",
        "/%2e%2e",
        "/.%2E",
        "//",
        "%2f",
        "%2F",
        "\\",
        "%5c",
        ";",
        ";v=1",
        "/..;",
        "/..;x",
        "%3f",
        "%23",
        "%00",
        "%252e%252e",
        "%252f",
        "%zz",
        "%ff",
        "..",
        "a",
        "P",
        "%70",
        "%2570",
    ])
}

/// Percent-decodes what can be decoded.
fn lenient(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let escaped = text.get(at + 1..at + 3).filter(|_| text.as_bytes()[at] == b'%');
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                at += 3;
            }
            None => {
                bytes.push(text.as_bytes()[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `posixpath.normpath` of Python.
fn normpath(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    format!("/{}", parts.join("/"))
}

/// `remove_dot_segments` of RFC 3986, 5.2.4, to the letter.
fn rfc_3986(path: &str) -> String {
    let mut input = path.to_owned();
    let mut output = String::new();
    while !input.is_empty() {
        if input.starts_with("/./") {
            input.replace_range(..2, "");
        } else if input == "/." {
            input = "/".to_owned();
        } else if input.starts_with("/../") || input == "/.." {
            let rest = input.strip_prefix("/../").unwrap_or_default().to_owned();
            input = format!("/{rest}");
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
            output.push_str(&input[..end]);
            input.replace_range(..end, "");
        }
    }
    output
}

/// Removes path parameters, as Tomcat does before it decodes.
fn without_parameters(path: &str) -> String {
    let parts: Vec<&str> =
        path.split('/').map(|part| part.split(';').next().unwrap_or_default()).collect();
    parts.join("/")
}

/// The paths that servers make of a path.
fn servers(path: &str) -> Vec<(&'static str, String)> {
    let cut = |text: String| text.split(['?', '#', '\0']).next().unwrap_or_default().to_owned();
    let slashed = |text: &str| text.replace('\\', "/");
    vec![
        ("as it is", lenient(path)),
        ("decoded, resolved", normpath(&lenient(path))),
        ("RFC 3986", rfc_3986(path)),
        ("RFC 3986 after decoding", rfc_3986(&lenient(path))),
        ("Tomcat", normpath(&lenient(&without_parameters(path)))),
        ("parameters after decoding", normpath(&without_parameters(&lenient(path)))),
        ("decoded twice", normpath(&lenient(&lenient(path)))),
        ("Windows", normpath(&slashed(&lenient(path)))),
        ("Windows, parameters", normpath(&without_parameters(&slashed(&lenient(path))))),
        ("cut", normpath(&cut(lenient(path)))),
        ("resolved, cut", cut(normpath(&lenient(path)))),
        ("RFC 3986, decoded", lenient(&rfc_3986(path))),
    ]
}

/// 0 for a path that no rule records, else by failure policy.
fn strictness(policy: &Policy, path: &str) -> u8 {
    match policy.matches("DELETE", path).decide(200).map(|rule| rule.name()) {
        Some("must") => 3,
        Some("spooled") => 2,
        Some("weak") => 1,
        _ => 0,
    }
}

/// A path that is matched literally.
fn escaped(path: &str) -> String {
    let plain = |c: char| c == '/' || c.is_ascii_alphanumeric();
    let escape =
        |c: char| c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    path.chars().map(|c| if plain(c) { c.to_string() } else { escape(c) }).collect()
}

/// The strictness of the rule for a path that a server has understood, by the literal reading alone.
fn literal(policy: &Policy, path: &str) -> u8 {
    let matches = policy.matches("DELETE", &escaped(path));
    // What a server has understood may itself contain what others would read differently.
    if matches.is_ambiguous() { 0 } else { strictness(policy, &escaped(path)) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_server_handles_what_the_policy_overlooks(
        pieces in prop::collection::vec(piece(), 1..7),
    ) {
        let policy = Policy::parse(POLICY, "p").map_err(|error| TestCaseError::fail(error.to_string()))?;
        let path = format!("/{}", pieces.concat());
        let found = strictness(&policy, &path);
        for (server, understood) in servers(&path) {
            let needed = literal(&policy, &understood);
            prop_assert!(found >= needed, "{} understands {:?} as {:?}: {} < {}", server, path, understood, found, needed);
        }
    }
}
