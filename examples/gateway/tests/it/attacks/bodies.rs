//! Bodies in which a lax upstream finds the target of a request.

use super::gateway::Gateway;

const POLICY: &str = r#"
version = 1
failure = "spool"
redact = ["password"]

[[rule]]
name = "project updated"
methods = ["PATCH"]
route = "/api/projects/{id}"
level = "request"
action = "project.updated"
target_type = "project"
target_id = { body = "/id" }
allow = ["/name", "/nested"]

[[rule]]
name = "project moved"
methods = ["PUT"]
route = "/api/projects/{id}"
action = "project.moved"
target_type = "project"
target_id = { body = "/id" }
require_target = true
failure = "must"
"#;

const JSON: &str = "Content-Type: application/json\r\n";

fn cases() -> Vec<(&'static str, Vec<u8>, String, &'static str)> {
    let body = || b"{\"id\":\"real\"}".to_vec();
    let json = |bytes: &[u8]| (bytes.to_vec(), JSON.to_owned());
    let plain = |name, (bytes, fields), target| (name, bytes, fields, target);
    let deep =
        [&b"{\"id\":\"real\",\"x\":"[..], &b"[".repeat(3000), &b"]".repeat(3000), b"}"].concat();
    let padded = [&b"{\"id\":\"real\""[..], &b" ".repeat(70_000), b"}"].concat();
    let long = [&b"{\"id\":\""[..], &b"a".repeat(5_000), b"\"}"].concat();
    vec![
        plain("plain", json(b"{\"id\":\"real\",\"name\":\"n\"}"), "real"),
        plain("escaped key", json(b"{\"\\u0069d\":\"real\"}"), "real"),
        ("text/plain", body(), "Content-Type: text/plain\r\n".to_owned(), "real"),
        ("form", body(), "Content-Type: application/x-www-form-urlencoded\r\n".to_owned(), "real"),
        ("no type", body(), String::new(), "real"),
        ("two types", body(), format!("Content-Type: text/plain\r\n{JSON}"), "real"),
        (
            "upper case",
            body(),
            "Content-Type: APPLICATION/JSON; charset=utf-16\r\n".to_owned(),
            "real",
        ),
        ("identity", body(), format!("{JSON}Content-Encoding: identity\r\n"), "real"),
        ("byte order mark", [b"\xef\xbb\xbf", &*body()].concat(), JSON.to_owned(), "real"),
        plain("leading blanks", json(b"\r\n \t{\"id\":\"real\"}"), "real"),
        plain("invalid UTF-8", json(b"{\"id\":\"re\xffal\"}"), "re\u{fffd}al"),
        plain("lone surrogate", json(b"{\"id\":\"re\\ud800al\"}"), "re\u{fffd}al"),
        plain("deep", (deep, JSON.to_owned()), "real"),
        plain("huge number", json(b"{\"id\":\"real\",\"name\":1e400}"), "real"),
        plain("number", json(b"{\"id\":12345678901234567890}"), "12345678901234567890"),
        // What stays hidden; `require_target` refuses it.
        ("gzip", body(), format!("{JSON}Content-Encoding: gzip\r\n"), "unknown"),
        plain("padded", (padded, JSON.to_owned()), "unknown"),
        plain("object", json(b"{\"id\":{\"x\":1}}"), "unknown"),
        plain("no JSON", json(b"{\"id\":\"real\"/**/}"), "unknown"),
        plain("long", (long, JSON.to_owned()), "a"),
    ]
}

#[tokio::test]
async fn target_is_found_where_a_lax_upstream_finds_it() {
    let gateway = Gateway::start(POLICY).await;
    for (number, (name, body, fields, _)) in cases().iter().enumerate() {
        let id = format!("r-{number}");
        assert_eq!(
            gateway.send(&id, "PATCH", "/api/projects/p", fields, body).await,
            200,
            "{name}"
        );
    }
    let records = gateway.records().await;
    for (number, (name, _, _, target)) in cases().iter().enumerate() {
        let found = records[&format!("r-{number}")].target.target_id.to_string();
        if *name == "long" {
            assert_eq!(found, target.repeat(500), "{name}");
        } else {
            assert_eq!(found, *target, "{name}");
        }
    }
}

#[tokio::test]
async fn required_target_refuses_what_stays_hidden() {
    let gateway = Gateway::start(POLICY).await;
    for (number, (name, body, fields, target)) in cases().iter().enumerate() {
        let id = format!("r-{number}");
        let status = gateway.send(&id, "PUT", "/api/projects/p", fields, body).await;
        let is_hidden = *target == "unknown";
        assert_eq!(status, if is_hidden { 422 } else { 200 }, "{name}");
        assert_eq!(gateway.handled(&id).is_some(), !is_hidden, "{name}");
    }
}

#[tokio::test]
async fn secrets_in_bodies_are_not_recorded() {
    let gateway = Gateway::start(POLICY).await;
    let body = br#"{"id":"real","nested":{"PassWord":"s3cr3t","a":[{"password":"s3cr3t"}],
        "pass\u0077ord":"s3cr3t","__proto__":{"password":"s3cr3t","k":1}}}"#;
    gateway.send("r-1", "PATCH", "/api/projects/p", JSON, body).await;
    let records = gateway.records().await;
    let metadata = records["r-1"].metadata.as_ref().unwrap().as_str().to_owned();
    assert!(metadata.contains("__proto__") && !metadata.contains("s3cr3t"), "{metadata}");
}
