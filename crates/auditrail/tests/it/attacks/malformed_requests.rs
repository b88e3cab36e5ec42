//! Requests that a parser may take for others (`t_http.py`). Each has its status, the code of its problem if the
//! service itself responded, and none is answered by success that should not be.

use auditrail_testkit::TestDb;

use super::wire::{connect, read_to_end, record, statuses, tenant_key};
use crate::sandbox::Sandbox;
use crate::service::Service;

/// A request as bytes, and its response.
struct Case {
    name: &'static str,
    request: Vec<u8>,
    statuses: Vec<u16>,
    code: &'static str,
}

fn case(name: &'static str, request: impl Into<Vec<u8>>, status: u16, code: &'static str) -> Case {
    let statuses = if status == 0 { Vec::new() } else { vec![status] };
    Case { name, request: request.into(), statuses, code }
}

/// Header lines that follow the request line.
const CLOSE: &str = "host: x\r\ncontent-type: application/json\r\nconnection: close\r\n";

fn heads(key: &str) -> Vec<Case> {
    let get = |target: &str, lines: &str| {
        format!("GET {target} HTTP/1.1\r\n{CLOSE}authorization: Bearer {key}\r\n{lines}\r\n")
    };
    let bare = |line: &str, lines: &str| format!("{line}\r\n{CLOSE}{lines}\r\n");
    let long = "a".repeat(70_000);
    let many: String = (0..70).map(|number| format!("x-{number}: a\r\n")).collect();
    let query = "a".repeat(60_000);
    let list = "/v1/audit-logs";
    vec![
        case("head of 70 kB", get(list, &format!("x-a: {long}\r\n")), 431, ""),
        case("70 header lines", get(list, &many), 431, ""),
        case(
            "target of 60 kB",
            get(&format!("{list}?actor_id={query}"), ""),
            400,
            "invalid_parameter",
        ),
        case("target of 70 kB", get(&format!("{list}?actor_id={long}"), ""), 431, ""),
        case("two keys", get(list, "authorization: Bearer x\r\n"), 401, "no_key"),
        case(
            "a tab before the key",
            bare("GET /v1/audit-logs HTTP/1.1", &format!("authorization: Bearer\t{key}\r\n")),
            401,
            "no_key",
        ),
        case(
            "text after the key",
            bare("GET /v1/audit-logs HTTP/1.1", &format!("authorization: Bearer {key} x\r\n")),
            401,
            "invalid_key",
        ),
        case(
            "a key in the query",
            bare(&format!("GET {list}?access_token={key} HTTP/1.1"), ""),
            401,
            "no_key",
        ),
        case(
            "no host",
            format!(
                "GET {list}?limit=1 HTTP/1.1\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\r\n"
            ),
            200,
            "",
        ),
        case("an absolute target", get("http://evil/v1/audit-logs?limit=1", ""), 200, ""),
        case("CONNECT", bare("CONNECT x:1 HTTP/1.1", ""), 404, "no_such_route"),
        case("OPTIONS *", bare("OPTIONS * HTTP/1.1", ""), 404, "no_such_route"),
        case("TRACE", bare("TRACE /v1/audit-logs HTTP/1.1", ""), 405, "method_not_allowed"),
        case("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, ""),
        case("a NUL in a header", get(list, "x: a\0b\r\n"), 400, ""),
        case("a folded header", get(list, "x: a\r\n b\r\n"), 400, ""),
        case("dots in the path", get("/v1/../v1/audit-logs", ""), 404, "no_such_route"),
        case("two slashes", get("//v1/audit-logs", ""), 404, "no_such_route"),
        case("encoded dots", get("/v1/audit-logs/%2e%2e", ""), 404, "not_found"),
        case("a route in other case", get("/v1/audit-logs/STATS", ""), 404, "not_found"),
        case("a query that is not UTF-8", get("/v1/audit-logs?actor_id=%ff", ""), 400, "bad_query"),
        case(
            "a NUL in the query",
            get("/v1/audit-logs?actor_id=%00", ""),
            400,
            "invalid_parameter",
        ),
        case(
            "a range",
            get("/v1/audit-logs?limit=1", "if-none-match: *\r\nrange: bytes=0-1\r\n"),
            200,
            "",
        ),
    ]
}

/// A POST request with these header lines.
fn post(key: &str, lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!(
        "POST /v1/audit-logs HTTP/1.1\r\n{CLOSE}authorization: Bearer {key}\r\n{lines}\r\n"
    );
    [head.as_bytes(), body.as_ref()].concat()
}

/// Bodies whose length or chunks are malformed.
fn framings(key: &str) -> Vec<Case> {
    let post = |lines: &str, body: &str| post(key, lines, body);
    let chunked = |body: &str| post("transfer-encoding: chunked\r\n", body);
    let record = record("p", 1).to_string();
    let one_chunk = format!("{:x}\r\n{record}\r\n0\r\n", record.len());
    let old = String::from_utf8(chunked("0\r\n\r\n")).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    vec![
        case("17 MiB", post("content-length: 17825792\r\n", ""), 413, "body_too_large"),
        case(
            "a length and chunks",
            post(
                "content-length: 5\r\ntransfer-encoding: chunked\r\n",
                "0\r\n\r\nGET /x HTTP/1.1\r\nhost: x\r\n\r\n",
            ),
            400,
            "not_json",
        ),
        case("two lengths", post("content-length: 5\r\ncontent-length: 6\r\n", "12345"), 400, ""),
        case("a signed length", post("content-length: +5\r\n", "12345"), 400, ""),
        case("a list of lengths", post("content-length: 5, 5\r\n", "12345"), 400, ""),
        case("an unknown coding", post("transfer-encoding: xchunked\r\n", "0\r\n\r\n"), 400, ""),
        case(
            "a blank before the colon",
            post("transfer-encoding : chunked\r\n", "0\r\n\r\n"),
            400,
            "",
        ),
        case(
            "chunked and identity",
            post("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"),
            400,
            "",
        ),
        case("chunks in HTTP/1.0", old, 400, ""),
        case("a bad size of a chunk", chunked("ZZ\r\n"), 400, "broken_body"),
        case("a huge size of a chunk", chunked("FFFFFFFFFFFFFFFFF\r\n"), 400, "broken_body"),
        case(
            "a long extension of a chunk",
            chunked(&format!("1;{}\r\n{{\r\n0\r\n\r\n", "a".repeat(100_000))),
            400,
            "broken_body",
        ),
        case("trailers", chunked(&format!("{one_chunk}x-t: 1\r\n\r\n")), 201, ""),
    ]
}

/// Bodies with content that the service does not read.
fn contents(key: &str) -> Vec<Case> {
    let text: Vec<u16> = record("p", 1).to_string().encode_utf16().collect();
    let utf16: Vec<u8> = [0xfeff].into_iter().chain(text).flat_map(u16::to_le_bytes).collect();
    let length = format!("content-length: {}\r\n", utf16.len());
    vec![
        case(
            "a gigabyte without a key",
            post("x", "content-length: 1000000000\r\n", "x"),
            401,
            "invalid_key",
        ),
        case(
            "bytes that are not UTF-8",
            post(key, "content-length: 3\r\n", b"\xff\xfe{"),
            400,
            "not_json",
        ),
        case("UTF-16", post(key, &length, utf16), 400, "not_json"),
        case(
            "a compressed body",
            post(key, "content-encoding: gzip\r\ncontent-length: 3\r\n", "abc"),
            415,
            "unsupported_media_type",
        ),
    ]
}

#[tokio::test]
async fn each_malformed_request_has_its_response() {
    let db = TestDb::migrated().await;
    let key = tenant_key(&db, "a").await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let mut differences = Vec::new();
    for Case { name, request, statuses: expected, code } in
        [heads(&key), framings(&key), contents(&key)].into_iter().flatten()
    {
        let mut stream = connect(service.address, None, &request).await;
        let (response, is_closed) = read_to_end(&mut stream).await;
        let has_code = response.contains(&format!("\"code\":\"{code}\"")) || code.is_empty();
        if !is_closed || statuses(&response) != expected || !has_code {
            differences.push(format!("{name}: {is_closed} {response:.600}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let db = TestDb::migrated().await;
    let key = tenant_key(&db, "a").await;
    let service = Service::start(&Sandbox::with(&db.url(&db.service())), &[]);
    let get = format!(
        "GET /v1/audit-logs?limit=1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n"
    );
    let last = "GET /x HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = connect(service.address, None, (get.repeat(49) + last).as_bytes()).await;
    let (response, is_closed) = read_to_end(&mut stream).await;
    let mut expected = vec![200; 49];
    expected.push(404);
    assert!(is_closed && statuses(&response) == expected, "{response}");
}
