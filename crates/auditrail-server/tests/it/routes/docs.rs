//! `GET /docs`.

use auditrail_server::openapi;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::support::service::{Running, Service};

async fn page() -> (String, String) {
    let service = Service::start().await;
    let answer = service.get("/docs").key("write").send().await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let policy = answer.header("content-security-policy").to_owned();
    (String::from_utf8(answer.body.to_vec()).unwrap(), policy)
}

#[tokio::test]
async fn the_page_describes_every_operation_and_field() {
    let (page, _) = page().await;
    let api = serde_json::to_value(openapi()).unwrap();
    let has = |text: &str| assert!(page.contains(text), "{text}");
    for (path, item) in api["paths"].as_object().unwrap() {
        has(&format!("<code>{path}</code>"));
        for call in item.as_object().unwrap().values() {
            has(&format!("id=\"{}\"", call["operationId"].as_str().unwrap()));
            for parameter in call["parameters"].as_array().into_iter().flatten() {
                has(&format!("<code>{}</code>", parameter["name"].as_str().unwrap()));
            }
        }
    }
    for (name, schema) in api["components"]["schemas"].as_object().unwrap() {
        has(&format!("id=\"schema-{name}\""));
        let parts = schema["allOf"].as_array().into_iter().flatten();
        let fields: Vec<_> = [schema]
            .into_iter()
            .chain(parts)
            .filter_map(|part| part["properties"].as_object())
            .flat_map(|fields| fields.keys())
            .collect();
        assert!(!fields.is_empty(), "{name}");
        for field in fields {
            has(&format!("<code>{field}</code>"));
        }
    }
}

#[tokio::test]
async fn the_page_is_self_contained_without_scripts() {
    let (page, policy) = page().await;
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let digest = STANDARD.encode(Sha256::digest(style));
    assert!(policy.starts_with(&format!("default-src 'none'; style-src 'sha256-{digest}';")));
    // An address in a text of the description is no link.
    let text_start = "&lt;https://";
    let page: String = match page.split_once(text_start) {
        None => page,
        Some((first, rest)) => {
            let rest = rest.split(text_start).map(|part| part.split_once("&gt;").unwrap().1);
            std::iter::once(first).chain(rest).collect()
        }
    };
    for outside in ["<script", "http://", "https://", "url(", "@import", "style=\"", "<img", "//"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[tokio::test]
async fn every_link_has_a_target_in_the_page() {
    let (page, _) = page().await;
    let targets: Vec<_> =
        page.split("href=\"").skip(1).map(|rest| rest.split('"').next()).collect();
    assert!(targets.len() > 20);
    for target in targets.into_iter().flatten().filter(|target| *target != "openapi.json") {
        let id = target.strip_prefix('#').unwrap();
        assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
}

#[tokio::test]
async fn the_admin_listener_serves_the_page_without_a_key() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    let public = service.get("/docs").key("read").send().await;
    assert_eq!(admin.get("/docs").send().await.body, public.body);
    let document = service.get("/openapi.json").key("read").send().await;
    assert_eq!(admin.get("/openapi.json").send().await.json(), document.json());
}
